import { create } from "@bufbuild/protobuf";
import { type Image, ImageSchema } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { mimeTypeOf } from "./formats.ts";
import { ImageProblem, orImageFault, type ToImageFault, wrongFormat } from "./image-problem.ts";
import type { RemoteImages } from "./remote-images.ts";

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
