/** Headers that Node writes, and that say how bytes travel rather than what was answered. */
const transportHeaders = new Set(["connection", "content-length", "date", "keep-alive", "transfer-encoding"]);

/**
 * An answer as golden files have it: status, headers in order of their names, an empty line, body. What differs
 * from run to run has a name in angle brackets instead. Everything else is exact.
 */
export function normaliseAnswer(response: Response, text: string): string {
  const headers = [...response.headers]
    .filter(([name]) => !transportHeaders.has(name))
    .sort(([first], [second]) => (first < second ? -1 : 1))
    .map(([name, value]) => `${name}: ${normaliseHeader(name, value)}\n`);
  const body = normaliseBody(text);
  return `${response.status}\n${headers.join("")}\n${body}`;
}

function normaliseHeader(name: string, value: string): string {
  if (name === "x-request-id") return value.replace(/^req_[0-9a-f]{32}$/, "req_<id>");
  if (name === "openai-processing-ms") return value.replace(/^\d+$/, "<ms>");
  return value;
}

function normaliseBody(body: string): string {
  const named = body
    .replace(/"chatcmpl-[0-9a-f]{32}"/g, '"chatcmpl-<id>"')
    .replace(/"call_[0-9A-Za-z]{24,32}"/g, '"call_<id>"')
    .replace(/"created":\d{10}\b/g, '"created":<seconds>')
    .replace(/"system_fingerprint":"fp_[0-9a-f]{10}"/g, '"system_fingerprint":"fp_<hash>"')
    // The last digits depend on the machine.
    .replace(/"logprob":-?\d+(\.\d+)?(e-?\d+)?\b/g, '"logprob":<logprob>')
    // How much of a prompt is known depends on what its node has answered before.
    .replace(/"cached_tokens":\d+/g, '"cached_tokens":<count>');
  return named.startsWith("data: ") ? normaliseEvents(named) : named;
}

/**
 * Where a chunk of text ends and the next begins, and whose turn it is among several choices, depends on how busy
 * the mesh is: neighbouring pieces are joined, and choices stand one after the other.
 */
function normaliseEvents(stream: string): string {
  const events = stream.split(/(?<=\n\n)/);
  const choiceOf = (event: string) => /"choices":\[\{"index":(\d+)/.exec(event)?.[1];
  const byChoice = events
    .map((event, at) => ({ event, choice: Number(choiceOf(event) ?? Number.POSITIVE_INFINITY), at }))
    .sort((first, second) =>
      first.choice === second.choice ? first.at - second.at : first.choice - second.choice,
    )
    .map(({ event }) => event);
  const joined: string[] = [];
  for (const event of byChoice) {
    const both = join(joined.at(-1), event);
    if (both === undefined) joined.push(event);
    else joined[joined.length - 1] = both;
  }
  return joined.join("");
}

/** A chunk of nothing but text, of an answer or of a call's arguments: what stands before it, it, what follows. */
const piece = new RegExp(
  [
    String.raw`^(data: \{.*"delta":\{(?:"content":|"tool_calls":\[\{"index":\d+,"function":\{"arguments":|"function_call":\{"arguments":)")`,
    String.raw`((?:[^"\\]|\\.)*)`,
    String.raw`("(?:\}|\}\}\]\}|\}\}),"logprobs":null,"finish_reason":null\}.*\n\n)$`,
  ].join(""),
);

function join(event: string | undefined, next: string): string | undefined {
  const [, before, text, after] = piece.exec(event ?? "") ?? [];
  const [, nextBefore, nextText, nextAfter] = piece.exec(next) ?? [];
  if (before === undefined || before !== nextBefore || after !== nextAfter) return undefined;
  return `${before}${text}${nextText}${after}`;
}
