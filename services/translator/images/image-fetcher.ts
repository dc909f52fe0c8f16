import type { Clock } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { linkSignal } from "../../../core/streams/link-signal.ts";
import { orAborted } from "../../../core/streams/or-aborted.ts";
import { fetchImage, type Network, resolveName } from "./fetch-image.ts";
import { isGlobalAddress } from "./global-address.ts";
import { ImageProblem, type RemoteImage } from "./parse-image.ts";

/** Fetches a request's images concurrently. Throws the first fault, which cancels the others, or the signal's reason. */
export type FetchImages = (images: readonly RemoteImage[], signal: AbortSignal) => Promise<void>;

/** Time limit for all images of a request together, in milliseconds. */
export const fetchTimeoutMs = 5000;
/** Size limit for all images of a request, in bytes: about what a body of the default size can carry. */
const requestBytesLimit = 20_000_000;
/** Concurrent fetches for all callers: each takes up to 10 MB of memory. */
const maxAtOnce = 16;
const maxWaiting = 256;

const internet: Network = { resolveName, isAllowed: isGlobalAddress };

/** Creates the image fetcher of a translator, for the public internet by default. */
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
          let startedAt = Number.POSITIVE_INFINITY;
          const work = () => {
            startedAt = clock.now();
            return fetchImage(url, network, countBytes, controller.signal);
          };
          try {
            Object.assign(image, await permits.run(controller.signal, work));
          } catch (thrown) {
            if (!(thrown instanceof ImageProblem)) throw thrown;
            // Most of the time limit passed while it waited for a permit.
            const isLate = controller.signal.aborted && clock.now() - startedAt < fetchTimeoutMs / 2;
            throw isLate ? tooBusy() : toFault(thrown);
          }
        }),
      );
    } finally {
      timer.cancel();
      controller.unlink();
      // Cancels the others when one has failed.
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
        `the images of this request are larger than ${requestBytesLimit / 1_000_000} MB together. Send fewer or smaller ones.`,
      );
  };
}

const tooSlow = () =>
  new ImageProblem(
    `the image did not arrive within ${fetchTimeoutMs / 1000} seconds. Send the image itself, in base64.`,
  );

const tooBusy = () =>
  new MeshError("saturated", "Too many images are being fetched right now. Send the request again.", {
    retryAfterMs: 1000,
  });

/** Limits concurrency, and how many may wait. */
export class Permits {
  readonly #maxWaiting: number;
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(most: number, maxWaiting: number) {
    this.#free = most;
    this.#maxWaiting = maxWaiting;
  }

  /** Runs `work` once a permit is free. Throws `saturated` when too many wait, or the signal's reason. */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#acquire(signal);
    try {
      return await work();
    } finally {
      this.#release();
    }
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    if (this.#waiting.size >= this.#maxWaiting) throw tooBusy();
    const turn = Promise.withResolvers<void>();
    this.#waiting.add(turn.resolve);
    try {
      await orAborted(turn.promise, signal);
    } catch (reason) {
      // Its turn may have come in the meantime.
      if (!this.#waiting.delete(turn.resolve)) this.#release();
      throw reason;
    }
  }

  /** Passes the permit to the longest waiting. */
  #release(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
