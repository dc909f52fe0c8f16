import type { Image } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { ImageProblem, type ToImageFault } from "./image-problem.ts";

/** A picture that a request names by its address. */
export interface RemoteImage {
  readonly url: URL;
  /** What the generation has of it; still empty. */
  readonly image: Image;
  readonly toFault: ToImageFault;
}

/** The most pictures that are fetched for one request. */
export const mostRemoteImages = 16;
/** In UTF-16 units. Longer addresses than any server takes. */
export const longestUrl = 8192;

/** The pictures of one request that are still to be fetched. */
export class RemoteImages {
  readonly list: RemoteImage[] = [];

  /** Notes a picture. Throws an `ImageProblem` when the address is none from which pictures are fetched. */
  add(address: string, image: Image, toFault: ToImageFault): void {
    const url = parseAddress(address);
    if (this.list.length === mostRemoteImages)
      throw new ImageProblem(
        `at most ${mostRemoteImages} pictures of a request are fetched. Send the others themselves, in base64.`,
      );
    this.list.push({ url, image, toFault });
  }
}

/** An address that may be fetched from, as far as its text tells; of a redirect `base` is where it came from. */
export function parseAddress(address: string, base?: URL): URL {
  const url = address.length > longestUrl ? null : URL.parse(address, base?.href);
  if (url === null)
    throw new ImageProblem(`the address is not valid, or longer than ${longestUrl} characters.`);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new ImageProblem("pictures are fetched from addresses with http and https only.");
  if (url.username !== "" || url.password !== "")
    throw new ImageProblem(
      "addresses with a user name or a password are not fetched. Leave them out, or send the picture itself, in base64.",
    );
  return url;
}
