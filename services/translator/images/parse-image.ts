import { create } from "@bufbuild/protobuf";
import type { MeshError } from "../../../core/errors/mesh-error.ts";
import { type Image, ImageSchema } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";

/**
 * Reads an image from a data URL, or, when `remote` is given, adds an empty one to it that is fetched later. Throws a
 * fault of `toFault`.
 */
export function parseImage(
  url: string,
  detail: string,
  toFault: ToImageFault,
  remote: RemoteImages | undefined,
): Image {
  return orImageFault(toFault, () => {
    if (/^data:/i.test(url)) return create(ImageSchema, { ...readDataUrl(url), detail });
    if (remote === undefined)
      throw new ImageProblem(
        `images are not fetched here. Send the image itself as a data URL, such as ${example}.`,
      );
    if (!/^https?:/i.test(url))
      throw new ImageProblem(`expected an http or https URL, or a data URL such as ${example}.`);
    const image = create(ImageSchema, { detail });
    remote.add(url, image, toFault);
    return image;
  });
}

const example = "'data:image/png;base64,…'";

/** Reads the format from the bytes: labels are often wrong. */
function readDataUrl(url: string): { data: Uint8Array; mimeType: string } {
  const comma = url.indexOf(",");
  const label = comma < 0 ? "" : url.slice("data:".length, comma).toLowerCase();
  if (!label.endsWith(";base64")) throw new ImageProblem(`a data URL must look like ${example}.`);
  const data = decodeBase64(url.slice(comma + 1));
  if (data === undefined) throw new ImageProblem("the data is not valid base64.");
  const mimeType = mimeTypeOf(data);
  if (mimeType === undefined) throw wrongFormat();
  return { data, mimeType };
}

/**
 * Undefined for invalid base64. `Buffer.from` skips invalid characters, so the length shows whether there were any.
 */
function decodeBase64(text: string): Uint8Array | undefined {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const digits = text.length - padding;
  if (digits % 4 === 1) return undefined;
  const bytes = Buffer.from(text, "base64");
  return bytes.length === Math.floor((digits * 3) / 4) ? bytes : undefined;
}

/** The format of an image, by its magic bytes; undefined when it is not supported. */
export const mimeTypeOf = (data: Uint8Array): ImageMimeType | undefined =>
  formats.find(({ matches }) => matches(data))?.mimeType;

const formats = [
  { mimeType: "image/png", matches: (data: Uint8Array) => startsWith(data, 0, "\x89PNG\r\n\x1a\n") },
  { mimeType: "image/jpeg", matches: (data: Uint8Array) => startsWith(data, 0, "\xff\xd8\xff") },
  { mimeType: "image/gif", matches: (data: Uint8Array) => startsWith(data, 0, "GIF8") },
  {
    mimeType: "image/webp",
    matches: (data: Uint8Array) => startsWith(data, 0, "RIFF") && startsWith(data, 8, "WEBP"),
  },
] as const;

/** The image formats that models accept. */
export type ImageMimeType = (typeof formats)[number]["mimeType"];

/** All of them. */
export const imageMimeTypes: readonly ImageMimeType[] = formats.map(({ mimeType }) => mimeType);

function startsWith(data: Uint8Array, offset: number, latin1: string): boolean {
  for (let index = 0; index < latin1.length; index++)
    if (data[offset + index] !== latin1.charCodeAt(index)) return false;
  return true;
}

/** Why an image cannot be loaded. `message` is half a sentence; each surface turns it into its own fault. */
export class ImageProblem extends Error {
  override readonly name = "ImageProblem";
  readonly code: "invalid_image_url" | "invalid_image_format";

  constructor(message: string, code: ImageProblem["code"] = "invalid_image_url") {
    super(message);
    this.code = code;
  }
}

/** The image has an unsupported format. */
export const wrongFormat = () =>
  new ImageProblem("the image has none of the formats png, jpeg, gif and webp.", "invalid_image_format");

/** Converts a problem to a fault of a surface that names the image's parameter. */
export type ToImageFault = (problem: ImageProblem) => MeshError;

/** Runs `read` and throws problems as faults of the surface. */
export function orImageFault<T>(toFault: ToImageFault, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    throw thrown instanceof ImageProblem ? toFault(thrown) : thrown;
  }
}

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
