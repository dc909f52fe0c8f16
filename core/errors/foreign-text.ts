/**
 * A text from outside of the mesh's trust, safe to quote: one short line without keys, paths and addresses outside
 * `publicDomains`. `limit`: the most characters.
 */
export function foreignText(said: string, limit: number, publicDomains: readonly string[] = []): string {
  const line = said
    .slice(0, 20 * limit)
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ")
    .trim();
  const safe = masks.reduce(
    (text, [pattern, instead]) => text.replace(pattern, instead),
    line.replace(addresses, (address) => (isAt(publicDomains, address) ? address : anAddress)),
  );
  const characters = [...safe];
  return characters.length <= limit ? safe : `${characters.slice(0, limit - 1).join("")}…`;
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
