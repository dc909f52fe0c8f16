import { Utf8Stream } from "../text/utf8-stream.ts";

/** The first `limitBytes` of a body as text, without a byte order mark. */
export async function boundedText(
  body: AsyncIterable<Uint8Array> | null,
  limitBytes: number,
): Promise<string> {
  if (body === null) return "";
  const decoder = new Utf8Stream();
  let text = "";
  let left = limitBytes;
  for await (const bytes of body) {
    text += decoder.push(bytes.subarray(0, left));
    left -= bytes.length;
    if (left <= 0) break; // Leaving the loop cancels the body.
  }
  return (text + decoder.end()).replace(/^\ufeff/, "");
}
