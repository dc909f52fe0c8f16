import { isJsonObject } from "../../../core/json.ts";
import { badJson } from "../errors/http-faults.ts";

/** A request's body: one JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

export const depthLimit = 64;

/**
 * Parses a body. Throws unless it is UTF-8 and one JSON object within the depth limit. The last of equal keys counts,
 * as in `JSON.parse`; every later check sees this same value.
 */
export function parseJsonBody(bytes: Uint8Array): JsonObject {
  if (nestsDeeperThan(bytes, depthLimit))
    throw badJson(`Arrays and objects may nest at most ${depthLimit} levels deep.`);
  const value = parse(decode(bytes));
  if (!isJsonObject(value))
    throw badJson('The body must be one JSON object, such as {"model": …, "messages": […]}.');
  return value;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw badJson("The body is not valid UTF-8.");
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // Only the position: the rest of the parser's message quotes the prompt.
    const position = /\(line \d+ column \d+\)/.exec((error as Error).message)?.[0] ?? "";
    throw badJson(
      `This likely means you aren't using your HTTP library correctly. The API expects a JSON payload, but what was sent was not valid JSON ${position}`.trimEnd() +
        ".",
    );
  }
}

const quote = 0x22;
const backslash = 0x5c;
/** `[` differs from `{` in this bit alone, and `]` from `}`. */
const curly = 0x20;
const opening = 0x7b;
const closing = 0x7d;

/**
 * Whether JSON text nests arrays and objects deeper than `limit`. Checked before parsing: ten megabytes of brackets
 * keep `JSON.parse` busy for seconds. About 2 ns a byte; long strings, such as images, are skipped natively. Does not
 * validate the text.
 */
export function nestsDeeperThan(json: Uint8Array, limit: number): boolean {
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at]!;
    if (byte === quote) at = endOfString(json, at + 1);
    else if ((byte | curly) === opening) {
      if (++depth > limit) return true;
    } else if ((byte | curly) === closing) depth--;
  }
  return false;
}

/** Bytes to scan in JavaScript before a native search, which is slow to start. */
const shortRun = 32;
/** The same after a search that stopped at an escaped quote. */
const longRun = 1024;

/** The index of the closing quote of the string that starts at `start`, or the length of the text. */
function endOfString(json: Uint8Array, start: number): number {
  let at = start;
  let run = shortRun;
  for (;;) {
    const soon = Math.min(json.length, at + run);
    while (at < soon) {
      const byte = json[at];
      if (byte === quote) return at;
      at += byte === backslash ? 2 : 1;
    }
    const end = json.indexOf(quote, at);
    if (end < 0) return json.length;
    let escapes = 0;
    while (end - escapes > at && json[end - 1 - escapes] === backslash) escapes++;
    if (escapes % 2 === 0) return end;
    at = end + 1;
    run = longRun;
  }
}
