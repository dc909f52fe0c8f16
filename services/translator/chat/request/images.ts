import { create } from "@bufbuild/protobuf";
import { type Image, ImageSchema } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { wrongImageFormat, wrongImageUrl } from "../../errors/param-faults.ts";

/**
 * A picture from its data URL. What kind of picture it is its bytes say, for labels are often wrong. Addresses
 * are refused: nothing here fetches what a caller names. Throws a fault at `param`.
 */
export function parseImage(url: string, detail: string, param: string): Image {
  if (!/^data:/i.test(url)) throw wrongImageUrl(param, notData);
  const comma = url.indexOf(",");
  const label = comma < 0 ? "" : url.slice("data:".length, comma).toLowerCase();
  if (!label.endsWith(";base64"))
    throw wrongImageUrl(param, `Invalid image URL: a data URL must look like ${example}.`);
  const data = decodeBase64(url.slice(comma + 1));
  if (data === undefined) throw wrongImageUrl(param, "Invalid image URL: the data is not valid base64.");
  const mimeType = formats.find(({ matches }) => matches(data))?.mimeType;
  if (mimeType === undefined) throw wrongImageFormat(param);
  return create(ImageSchema, { data, mimeType, detail });
}

const example = "'data:image/png;base64,…'";
const notData = `Invalid image URL: pictures are not fetched here. Send the picture itself as a data URL, such as ${example}.`;

/** The bytes, or undefined. `Buffer.from` skips what is not base64, so the count tells whether all of it was. */
function decodeBase64(text: string): Uint8Array | undefined {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const digits = text.length - padding;
  if (digits % 4 === 1) return undefined;
  const bytes = Buffer.from(text, "base64");
  return bytes.length === Math.floor((digits * 3) / 4) ? bytes : undefined;
}

/** How the bytes of each format begin. */
const formats = [
  { mimeType: "image/png", matches: (data: Uint8Array) => begins(data, 0, "\x89PNG\r\n\x1a\n") },
  { mimeType: "image/jpeg", matches: (data: Uint8Array) => begins(data, 0, "\xff\xd8\xff") },
  { mimeType: "image/gif", matches: (data: Uint8Array) => begins(data, 0, "GIF8") },
  {
    mimeType: "image/webp",
    matches: (data: Uint8Array) => begins(data, 0, "RIFF") && begins(data, 8, "WEBP"),
  },
];

function begins(data: Uint8Array, offset: number, latin1: string): boolean {
  for (let index = 0; index < latin1.length; index++)
    if (data[offset + index] !== latin1.charCodeAt(index)) return false;
  return true;
}
