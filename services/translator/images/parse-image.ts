import { create } from "@bufbuild/protobuf";
import type { MeshError } from "../../../core/errors/mesh-error.ts";
import { type Image, ImageSchema } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";

/** Why an image cannot be loaded. `message` is half a sentence; each surface turns it into its own fault. */
export class ImageProblem extends Error {
  override readonly name = "ImageProblem";
  readonly code: "invalid_image_url" | "invalid_image_format";

  constructor(message: string, code: ImageProblem["code"] = "invalid_image_url") {
    super(message);
    this.code = code;
  }
}

/** Converts a problem to a fault of a surface that names the image's parameter. */
export type ToImageFault = (problem: ImageProblem) => MeshError;

/** An image that a request names by URL. */
export interface RemoteImage {
  readonly url: URL;
  /** Part of the generation; empty until fetched. */
  readonly image: Image;
  readonly toFault: ToImageFault;
}

const maxRemoteImages = 16;
/** In UTF-16 units; no server takes longer URLs. */
const maxUrlLength = 8192;

/**
 * Reads an image from a data URL, or, when `remote` is given, adds an empty one to it that is fetched later. Throws a
 * fault of `toFault`.
 */
export function parseImage(
  url: string,
  detail: string,
  toFault: ToImageFault,
  remote: RemoteImage[] | undefined,
): Image {
  try {
    if (/^data:/i.test(url)) return create(ImageSchema, { ...readDataUrl(url), detail });
    if (remote === undefined)
      throw new ImageProblem(
        `images are not fetched here. Send the image itself as a data URL, such as ${example}.`,
      );
    if (!/^https?:/i.test(url))
      throw new ImageProblem(`expected an http or https URL, or a data URL such as ${example}.`);
    const image = create(ImageSchema, { detail });
    addRemote(remote, { url: parseAddress(url), image, toFault });
    return image;
  } catch (thrown) {
    throw thrown instanceof ImageProblem ? toFault(thrown) : thrown;
  }
}

const example = "'data:image/png;base64,…'";

/** Throws an `ImageProblem` when the request has too many. */
export function addRemote(remote: RemoteImage[], image: RemoteImage): void {
  if (remote.length === maxRemoteImages)
    throw new ImageProblem(
      `at most ${maxRemoteImages} images per request are fetched. Send the others themselves, in base64.`,
    );
  remote.push(image);
}

/** Parses a URL to fetch from; `base` is the URL that redirected to it. Throws an `ImageProblem`. */
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

function readDataUrl(url: string): Pick<Image, "data" | "mimeType"> {
  const comma = url.indexOf(",");
  const label = comma < 0 ? "" : url.slice("data:".length, comma).toLowerCase();
  if (!label.endsWith(";base64")) throw new ImageProblem(`a data URL must look like ${example}.`);
  const data = decodeBase64(url.slice(comma + 1));
  if (data === undefined) throw new ImageProblem("the data is not valid base64.");
  // Not from the label, which is often wrong.
  return { data, mimeType: mimeTypeOf(data) };
}

/** Undefined when invalid. `Buffer.from` skips invalid characters, so the length shows whether there were any. */
function decodeBase64(text: string): Uint8Array | undefined {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const digits = text.length - padding;
  if (digits % 4 === 1) return undefined;
  const bytes = Buffer.from(text, "base64");
  return bytes.length === Math.floor((digits * 3) / 4) ? bytes : undefined;
}

/** How images of each format that models accept begin. */
const formats: Readonly<Record<string, (start: string) => boolean>> = {
  "image/png": (start) => start.startsWith("\x89PNG\r\n\x1a\n"),
  "image/jpeg": (start) => start.startsWith("\xff\xd8\xff"),
  "image/gif": (start) => start.startsWith("GIF8"),
  "image/webp": (start) => start.startsWith("RIFF") && start.startsWith("WEBP", 8),
};

export const imageMimeTypes: readonly string[] = Object.keys(formats);

/** The format of an image, by its first bytes. Throws an `ImageProblem` when it is not supported. */
export function mimeTypeOf(data: Uint8Array): string {
  const start = Buffer.from(data.subarray(0, 12)).toString("latin1");
  const mimeType = imageMimeTypes.find((type) => formats[type]!(start));
  if (mimeType === undefined)
    throw new ImageProblem(
      "the image has none of the formats png, jpeg, gif and webp.",
      "invalid_image_format",
    );
  return mimeType;
}
