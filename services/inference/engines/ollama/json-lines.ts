import { Utf8Stream } from "../text/utf8-stream.ts";

/** The most that one line may hold, in UTF-16 units; Ollama's own readers stop at 8 MB. */
export const lineLimitUnits = 8 * 1024 * 1024;

/**
 * The lines of a body, however its bytes are cut, without empty ones; the last one needs no line break. A line that
 * grows beyond the limit throws a RangeError.
 */
export async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new Utf8Stream();
  let open = "";
  for await (const bytes of body) {
    const pieces = decoder.push(bytes).split("\n");
    for (const [index, piece] of pieces.entries()) {
      open += piece;
      if (open.length > lineLimitUnits) throw new RangeError("A line is too long.");
      if (index === pieces.length - 1) continue;
      if (open.trim() !== "") yield open;
      open = "";
    }
  }
  open += decoder.end();
  if (open.trim() !== "") yield open;
}
