import { joinEvents } from "./normalise-events.ts";

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
  if (name === "x-request-id" || name === "request-id")
    return value.replace(/^req_[0-9a-f]{32}$/, "req_<id>");
  if (name === "openai-processing-ms") return value.replace(/^\d+$/, "<ms>");
  return value;
}

function normaliseBody(body: string): string {
  const named = body
    .replace(/\b(chatcmpl-|cmpl-|resp_|msg_|rs_|fc_|req_)[0-9a-f]{32}\b/g, "$1<id>")
    .replace(/"(call_|toolu_)[0-9A-Za-z]{24,32}"/g, '"$1<id>"')
    .replace(/"(created|created_at|completed_at)":\d{10}\b/g, '"$1":<seconds>')
    .replace(/"system_fingerprint":"fp_[0-9a-f]{10}"/g, '"system_fingerprint":"fp_<hash>"')
    // The last digits depend on the machine.
    .replace(/"logprob":-?\d+(\.\d+)?(e-?\d+)?\b/g, '"logprob":<logprob>')
    .replace(/"token_logprobs":\[[^\]]*\]/g, nameLogprobs)
    .replace(/"top_logprobs":\[\{"[^[\]]*"?:-?\d[^[\]]*\}\]/g, nameLogprobs)
    .replace(/"embedding":(\[[^\]]*\]|"[^"]*")/g, (_, vector: string) => `"embedding":${nameVector(vector)}`)
    // How much of a prompt is known depends on what its node has answered before.
    .replace(/"cached_tokens":\d+/g, '"cached_tokens":<count>')
    // Messages tell apart what is known and what is not; together they are the prompt.
    .replace(
      /"input_tokens":(?!0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0)(\d+)(,"cache_creation_input_tokens":0),"cache_read_input_tokens":(\d+)/g,
      (_, fresh: string, between: string, cached: string) =>
        `"input_tokens":<${Number(fresh) + Number(cached)} less count>${between},"cache_read_input_tokens":<count>`,
    );
  return /^(data|event): /.test(named) ? joinEvents(named) : named;
}

/** Legacy completions have bare numbers, in a list or as the values of an object. */
const nameLogprobs = (text: string): string =>
  text.replace(/([:,[])-?\d+(\.\d+)?(e-?\d+)?(?=[,}\]])/g, "$1<logprob>");

/** As many numbers as one wants to read are shown, in two digits; of more, how many. */
function nameVector(vector: string): string {
  const numbers = vector.startsWith("[") ? (JSON.parse(vector) as number[]) : fromBase64(JSON.parse(vector));
  const form = vector.startsWith("[") ? "numbers" : "floats in base64";
  if (numbers.length > mostShown) return `<${numbers.length} ${form}>`;
  return `<${form} ${numbers.map((number) => number.toFixed(2)).join(" ")}>`;
}

const mostShown = 8;

/**
 * An answer with the vectors of the expected one where they are the same but for the last digit: processors round
 * differently, and where a number is halfway between two of two digits this shows.
 */
export function agreeOnVectors(answer: string, expected: string): string {
  const vectors = expected.match(vector) ?? [];
  return answer.replace(vector, (shown) => {
    const wanted = vectors.shift();
    return wanted !== undefined && areClose(shown, wanted) ? wanted : shown;
  });
}

const vector = /<(?:numbers|floats in base64) [-\d. ]+>/g;

function areClose(one: string, other: string): boolean {
  const [form, ...numbers] = one.split(/ (?=-?\d)/);
  const [otherForm, ...others] = other.split(/ (?=-?\d)/);
  return (
    form === otherForm &&
    numbers.length === others.length &&
    numbers.every(
      (number, index) => Math.abs(Number.parseFloat(number) - Number.parseFloat(others[index]!)) < 0.011,
    )
  );
}

function fromBase64(text: string): number[] {
  const bytes = Buffer.from(text, "base64");
  return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(4 * index));
}
