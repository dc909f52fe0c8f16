import { parseJson } from "../../../../core/json.ts";

/** The most of an upstream's words that is passed on, in characters. */
const textLimit = 300;

/**
 * What an upstream says, fit to be quoted to a caller or in a log: one line, without control characters and marks that
 * turn the direction of text, without keys, addresses and paths of its machine, and cut where it gets long. Errors that
 * upstreams wrap in JSON, once or twice, come out bare. Addresses at the domains `publicDomains`, such as those of an
 * upstream's own documentation, stay.
 */
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
  // The end of a sentence may stand right behind it.
  const url = URL.parse(address.replace(/[.,:;!?)\]]+$/, ""));
  return url?.username === "" && domains.some((domain) => `.${url.hostname}`.endsWith(`.${domain}`));
}

/** What an upstream may know and callers have no business with, beside its addresses. */
const masks: readonly (readonly [RegExp, string])[] = [
  [/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b/g, anAddress],
  [/\bBearer\s+\S+|\b(?:sk|pk|hf|gsk|ghp|xai|key|api|token)[-_][\w-]{8,}/gi, "(a key)"],
  [/(?<![\w./#)])(?:~|\.{1,2}|[A-Za-z]:)?(?:[/\\][\w.@+~-]+){2,}[/\\]?(?::[\w-]+)?/g, "(a path)"],
  [/\b[A-Za-z\d_-]{40,}\b/g, "(hidden)"],
];

/** The message inside `{"error": "…"}` or `{"error": {"message": "…"}}`, as often as it is wrapped; else the text. */
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
  const error = read(parsed, "error") ?? parsed;
  const message = typeof error === "string" ? error : (read(error, "message") ?? read(error, "detail"));
  return typeof message === "string" ? message : undefined;
}

const read = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
