import type { Clock } from "../../../core/clock.ts";
import { linkSignal } from "../../../core/streams/link-signal.ts";
import { fetchImage, type Network, resolveName } from "./fetch-image.ts";
import { isGlobalAddress } from "./global-address.ts";
import { ImageProblem } from "./image-problem.ts";
import { Permits, tooBusy } from "./permits.ts";
import type { RemoteImage } from "./remote-images.ts";

/**
 * Fills in the images of one request, fetching all of them at once. Throws the fault of the first that fails, which
 * ends the others, or the signal's reason when it aborts.
 */
export type FetchImages = (images: readonly RemoteImage[], signal: AbortSignal) => Promise<void>;

/** How long all images of a request together may take, in milliseconds. */
export const fetchTimeoutMs = 5000;
/** How large they may be together, in bytes: about what a body of the default size can carry itself. */
export const requestBytesLimit = 20_000_000;
/** How many images are fetched at a time for all callers: each takes up to 10 MB of memory. */
const maxAtOnce = 16;
const maxWaiting = 256;

/** The public internet. */
const internet: Network = { resolveName, isAllowed: isGlobalAddress };

/** Makes what fetches images for all requests of a translator. A network other than the internet guards itself. */
export function createImageFetcher(clock: Clock, network: Network = internet): FetchImages {
  const permits = new Permits(maxAtOnce, maxWaiting);
  return async (images, signal) => {
    if (images.length === 0) return;
    const controller = linkSignal(signal);
    const timer = clock.after(fetchTimeoutMs, () => controller.abort(tooSlow()));
    const countBytes = createBudget();
    try {
      await Promise.all(
        images.map(async ({ url, image, toFault }) => {
          let begunAt = Number.POSITIVE_INFINITY;
          const work = () => {
            begunAt = clock.now();
            return fetchImage(url, network, countBytes, controller.signal);
          };
          try {
            Object.assign(image, await permits.run(controller.signal, work));
          } catch (thrown) {
            if (!(thrown instanceof ImageProblem)) throw thrown;
            // Not to blame for the time that has passed when most of it went by before its turn.
            const isLate = controller.signal.aborted && clock.now() - begunAt < fetchTimeoutMs / 2;
            throw isLate ? tooBusy() : toFault(thrown);
          }
        }),
      );
    } finally {
      timer.cancel();
      controller.unlink();
      // The others, when one has failed.
      controller.abort(new Error("The request has failed."));
    }
  };
}

function createBudget(): (bytes: number) => void {
  let left = requestBytesLimit;
  return (bytes) => {
    left -= bytes;
    if (left < 0)
      throw new ImageProblem(
        `the pictures of this request are larger than ${requestBytesLimit / 1_000_000} MB together. Send fewer or smaller ones.`,
      );
  };
}

const tooSlow = () =>
  new ImageProblem(
    `the picture did not arrive within ${fetchTimeoutMs / 1000} seconds. Send the picture itself, in base64.`,
  );
