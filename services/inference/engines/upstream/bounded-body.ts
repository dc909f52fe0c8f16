import { Utf8Stream } from "../text/utf8-stream.ts";

/**
 * The text of a body without a byte order mark, of which no more than `limitBytes` are kept in memory; the rest of a
 * longer one is let go.
 */
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
