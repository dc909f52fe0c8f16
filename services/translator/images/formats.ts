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
