import type { Image } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { ImageProblem, type ToImageFault } from "./image-problem.ts";

/** An image that a request names by URL. */
export interface RemoteImage {
  readonly url: URL;
  /** Part of the generation; empty until fetched. */
  readonly image: Image;
  readonly toFault: ToImageFault;
}

export const maxRemoteImages = 16;
/** In UTF-16 units; no server takes longer URLs. */
export const maxUrlLength = 8192;

/** The images of one request that are still to be fetched. */
export class RemoteImages {
  readonly list: RemoteImage[] = [];

  /** Adds an image. Throws an `ImageProblem` when its URL cannot be fetched from. */
  add(address: string, image: Image, toFault: ToImageFault): void {
    const url = parseAddress(address);
    if (this.list.length === maxRemoteImages)
      throw new ImageProblem(
        `at most ${maxRemoteImages} images per request are fetched. Send the others themselves, in base64.`,
      );
    this.list.push({ url, image, toFault });
  }
}

/** Parses a URL to fetch from; `base` is the URL that redirected to it. */
export function parseAddress(address: string, base?: URL): URL {
  const url = address.length > maxUrlLength ? null : URL.parse(address, base?.href);
  if (url === null)
    throw new ImageProblem(`the address is not valid, or longer than ${maxUrlLength} characters.`);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new ImageProblem("images are fetched only from http and https URLs.");
  if (url.username !== "" || url.password !== "")
    throw new ImageProblem(
      "addresses with a user name or a password are not fetched. Leave them out, or send the image itself, in base64.",
    );
  return url;
}
