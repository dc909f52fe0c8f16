import { parseJson } from "../../../../core/json.ts";
import { Utf8Stream } from "../text/utf8-stream.ts";
import { members } from "./json.ts";

/** The most characters of an upstream's message that are passed on. */
const textLimit = 300;

/** An upstream's message, safe to quote: one short line without keys, paths and addresses outside `publicDomains`. */
export function upstreamText(said: string, publicDomains: readonly string[] = []): string {
  const line = unwrap(said)
    .slice(0, 20 * textLimit)
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ")
    .trim();
  const safe = masks.reduce(
    (text, [pattern, instead]) => text.replace(pattern, instead),
    line.replace(addresses, (address) => (isAt(publicDomains, address) ? address : anAddress)),
  );
  const characters = [...safe];
  return characters.length <= textLimit ? safe : `${characters.slice(0, textLimit - 1).join("")}…`;
}

const anAddress = "(an address)";

const addresses = /\b[a-z][a-z\d+.-]*:\/\/[^\s'"`<>]+/gi;

function isAt(domains: readonly string[], address: string): boolean {
  // Without the punctuation that follows.
  const url = URL.parse(address.replace(/[.,:;!?)\]]+$/, ""));
  return url?.username === "" && domains.some((domain) => `.${url.hostname}`.endsWith(`.${domain}`));
}

const masks: readonly (readonly [RegExp, string])[] = [
  [/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b/g, anAddress],
  [/\bBearer\s+\S+|\b(?:sk|pk|hf|gsk|ghp|xai|key|api|token)[-_][\w-]{8,}/gi, "(a key)"],
  [/(?<![\w./#)])(?:~|\.{1,2}|[A-Za-z]:)?(?:[/\\][\w.@+~-]+){2,}[/\\]?(?::[\w-]+)?/g, "(a path)"],
  [/\b[A-Za-z\d_-]{40,}\b/g, "(hidden)"],
];

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
