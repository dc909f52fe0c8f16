import { foreignText } from "../../../../core/errors/foreign-text.ts";
import { parseJson } from "../../../../core/json.ts";
import { Utf8Stream } from "../text/utf8-stream.ts";
import { members } from "./json.ts";

/** The most characters of an upstream's message that are passed on. */
const textLimit = 300;

/** An upstream's message, safe to quote: see `foreignText`. */
export const upstreamText = (said: string, publicDomains: readonly string[] = []): string =>
  foreignText(unwrap(said), textLimit, publicDomains);

/** The message inside `{"error": "…"}` or `{"error": {"message": "…"}}`, however often wrapped; else the text. */
export function unwrap(said: string): string {
  let text = said.trim();
  for (let depth = 0; depth < 3 && text.startsWith("{"); depth++) {
    const inner = messageIn(text);
    if (inner === undefined) break;
    text = inner.trim();
  }
  return text;
}

function messageIn(text: string): string | undefined {
  const parsed = parseJson(text);
  const error = members(parsed).error ?? parsed;
  const message = typeof error === "string" ? error : (members(error).message ?? members(error).detail);
  return typeof message === "string" ? message : undefined;
}

/** The first few names of models, quoted, for a message. */
export function quoted(names: readonly string[]): string {
  const shown = names.slice(0, 20).map((name) => `\`${name.replace(/[\p{Cc}`]/gu, "").slice(0, 200)}\``);
  const more = names.length - shown.length;
  return shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

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
