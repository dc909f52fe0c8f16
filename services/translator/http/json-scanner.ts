import { badJson } from "../errors/http-faults.ts";

interface JsonLimits {
  /** Levels of arrays and objects. */
  readonly depth: number;
  /**
   * Names, strings, arrays and objects. Each costs up to a microsecond in every process on the way: this many keep an
   * event loop for less than 50 ms, while 20 MiB have room for ten million. 3,000 messages with tool calls have 45,000.
   */
  readonly parts: number;
  /** Values that are no arrays or objects with content. Numbers are cheaper, and a prompt may be an array of tokens. */
  readonly values: number;
}

/** How much a body may hold. Checked before it is parsed. */
export const jsonLimits: JsonLimits = { depth: 64, parts: 100_000, values: 500_000 };

const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
/** `[` differs from `{` in this bit alone, and `]` from `}`. */
const curly = 0x20;
const opening = 0x7b;
const closing = 0x7d;

/** Bytes to scan in JavaScript before a native search, which is slow to start. */
const shortRun = 32;
/** The same after a search that stopped at an escaped quote. */
const longRun = 1024;

/**
 * Measures JSON text, chunk by chunk as it arrives, without parsing it: a body made of brackets or of short members
 * keeps `JSON.parse` busy for seconds. About 2 to 5 ns a byte; long strings, such as images, are skipped natively. Does
 * not validate the text.
 */
export class JsonScanner {
  #depth = 0;
  #parts = 0;
  #values = 1;
  #inString = false;
  /** Whether the last chunk ended between a backslash and what it escapes. */
  #isEscaped = false;

  readonly #limits: JsonLimits;

  constructor(limits = jsonLimits) {
    this.#limits = limits;
  }

  /** Throws the fault of text that exceeds a limit. */
  scan(json: Uint8Array): void {
    const limits = this.#limits;
    let depth = this.#depth;
    let parts = this.#parts;
    let values = this.#values;
    for (let at = this.#inString ? this.#endOfString(json, 0) + 1 : 0; at < json.length; at++) {
      const byte = json[at]!;
      if (byte === quote) {
        parts++;
        at = this.#endOfString(json, at + 1);
      } else if (byte === comma) values++;
      else if ((byte | curly) === opening) {
        parts++;
        if (++depth > limits.depth)
          throw badJson(`Arrays and objects may nest at most ${limits.depth} levels deep.`);
      } else if ((byte | curly) === closing) depth--;
    }
    if (parts > limits.parts)
      throw badJson(`The body may hold at most ${count(limits.parts)} names, strings, arrays and objects.`);
    if (values > limits.values) throw badJson(`The body may hold at most ${count(limits.values)} values.`);
    this.#depth = depth;
    this.#parts = parts;
    this.#values = values;
  }

  /** The index of the closing quote of a string that goes on at `start`, or the length of the text. */
  #endOfString(json: Uint8Array, start: number): number {
    let at = this.#isEscaped ? start + 1 : start;
    this.#inString = true;
    this.#isEscaped = false;
    let run = shortRun;
    for (;;) {
      const soon = Math.min(json.length, at + run);
      while (at < soon) {
        const byte = json[at];
        if (byte === quote) return this.#endAt(at);
        at += byte === backslash ? 2 : 1;
      }
      const found = json.indexOf(quote, at);
      const end = found < 0 ? json.length : found;
      let escapes = 0;
      while (end - escapes > at && json[end - 1 - escapes] === backslash) escapes++;
      if (found < 0) {
        this.#isEscaped = at > json.length || escapes % 2 === 1;
        return json.length;
      }
      if (escapes % 2 === 0) return this.#endAt(end);
      at = end + 1;
      run = longRun;
    }
  }

  #endAt(end: number): number {
    this.#inString = false;
    return end;
  }
}

const count = (limit: number): string => limit.toLocaleString("en");
