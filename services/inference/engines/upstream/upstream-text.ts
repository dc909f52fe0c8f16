/** The most of an upstream's words that goes on to anybody, in characters. */
const textLimit = 300;

/**
 * What an upstream says, fit to be quoted in a message of ours: one line, without control characters, without keys,
 * addresses and paths of its machine, and cut where it gets long. Errors that upstreams wrap in JSON, once or twice, come out bare.
 */
export function upstreamText(said: string): string {
  const line = masks
    .reduce((text, [pattern, instead]) => text.replace(pattern, instead), unwrap(said))
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ")
    .trim()
    .toWellFormed();
  return line.length <= textLimit ? line : `${line.slice(0, textLimit - 1).toWellFormed()}…`;
}

/** What an upstream may know and callers have no business with. */
const masks: readonly (readonly [RegExp, string])[] = [
  [/\b[a-z]+:\/\/(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|\[[\da-f:]+\])[^\s'"`<>]*/gi, "(an address)"],
  [/\bBearer\s+\S+|\b(?:sk|hf|ghp|key|token)[-_][\w-]{8,}/gi, "(a key)"],
  [/(?<![\w:/#])(?:[A-Za-z]:)?(?:[/\\][\w.@+~-]+){2,}(?::[\w-]+)?/g, "(a path)"],
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
  try {
    const parsed: unknown = JSON.parse(text);
    const error = read(parsed, "error") ?? parsed;
    const message = typeof error === "string" ? error : (read(error, "message") ?? read(error, "detail"));
    return typeof message === "string" ? message : undefined;
  } catch {
    return undefined;
  }
}

const read = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
