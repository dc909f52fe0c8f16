/** The most of an upstream's words that is passed on, in characters. */
const longestText = 300;

/**
 * An upstream's own words, fit to be passed on to a caller or a log: one line without control characters or
 * marks that turn the direction of text, no addresses, paths or keys, and not long.
 */
export function toSafeText(text: string): string {
  let safe = text
    .slice(0, 20 * longestText)
    .toWellFormed()
    .replace(invisible, " ")
    .replace(/\s+/g, " ")
    .trim();
  for (const [pattern, instead] of masks) safe = safe.replace(pattern, instead);
  const characters = [...safe];
  return characters.length <= longestText ? safe : `${characters.slice(0, longestText - 1).join("")}…`;
}

/** Control characters, zero-width characters and marks of direction. */
const invisible = /[\p{Cc}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

/** What an upstream may know and nobody else should. */
const masks: readonly (readonly [RegExp, string])[] = [
  [/\b[a-z][a-z\d+.-]*:\/\/[^\s'"`<>]+/gi, "[address]"],
  [/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b/g, "[address]"],
  [/\bBearer\s+\S+/gi, "[key]"],
  [/\b(?:sk|pk|hf|gsk|ghp|xai|key|api|token)[-_][\w-]{8,}/gi, "[key]"],
  [/\b[A-Za-z]:\\[^\s'"`<>]+/g, "[path]"],
  [/(?<![\w.\]])~?(?:\/[\w.@+-]+){2,}\/?/g, "[path]"],
  [/\b[A-Za-z\d_-]{40,}\b/g, "[hidden]"],
];
