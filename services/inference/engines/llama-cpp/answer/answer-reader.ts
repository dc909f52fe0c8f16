import { findFirst, partialMatchLength } from "../../text/partial-match.ts";
import { StopFilter } from "../../text/stop-filter.ts";
import type { CallPart, CallReader, Notation } from "../notations/notation.ts";
import { type Piece, running } from "./pieces.ts";
import { type ThinkingStart, ThoughtReader } from "./thought-reader.ts";

/** How to read an answer. */
export interface AnswerReaderOptions {
  readonly thinking: ThinkingStart;
  readonly stops: readonly string[];
  /** How calls are written; undefined when there are none to look for. */
  readonly notation: Notation | undefined;
  /** Names that may be called; any other is no call. */
  readonly callable: ReadonlySet<string>;
  /** The answer ends after so many calls. */
  readonly maxCalls: number;
  /** True: a grammar holds the answer to its form from the beginning, so calls need no second look. */
  readonly trusted: boolean;
  /** True: the answer may be nothing but calls, so what is left of an unfinished one is no text. */
  readonly forced: boolean;
}

/**
 * Reads what a model writes and tells its parts: thoughts, text, calls. Text comes in as it is generated and goes
 * out as soon as it is clear what it is:
 *
 *     thoughts ──▶ text ──opener──▶ call ──▶ text … ──stop text or enough calls──▶ over
 *                   ▲                 │
 *                   └── it is no call ┘
 *
 * A call that a grammar holds to its form goes out while it is written (`trustCall`). Any other is kept until it
 * is whole and right; what turns out to be no call goes out as text, so nothing is ever lost.
 */
export class AnswerReader {
  readonly #options: AnswerReaderOptions;
  readonly #thoughts: ThoughtReader;
  #stops: StopFilter;
  #pieces: Piece[] = [];
  /** What came in and is not settled, and where it stands. */
  #text = "";
  #at = 0;
  /** Where the text begins that the stop filter holds back. */
  #heldAt = 0;
  #call: Call | undefined;
  #bareAllowed: boolean;
  #over: "stop" | "calls" | undefined;
  #completeCalls = 0;
  #justOpened = false;
  /** True behind a call: the white space there belongs to it. */
  #inMargin = false;

  constructor(options: AnswerReaderOptions) {
    this.#options = options;
    this.#thoughts = new ThoughtReader(options.thinking);
    this.#stops = new StopFilter(options.stops);
    this.#bareAllowed = options.notation?.bare === true;
  }

  /** Why nothing more belongs to the answer, when that is so. */
  get over(): "stop" | "calls" | undefined {
    return this.#over;
  }

  /** True while the model thinks. */
  get thinking(): boolean {
    return this.#thoughts.thinking;
  }

  /** Calls that are complete. */
  get completeCalls(): number {
    return this.#completeCalls;
  }

  /** When the latest push met an opener whose call is not trusted: what it brought of the call behind it. */
  get openedCall(): string | undefined {
    return this.#justOpened && this.#call?.trusted === false ? this.#call.text : undefined;
  }

  /** True while a call is read that a grammar holds to its form. */
  get inTrustedCall(): boolean {
    return this.#call?.trusted === true;
  }

  /** Up to where it is clear what the text is; everything, once the answer is over. */
  get settledTo(): number {
    if (this.#over !== undefined) return Number.POSITIVE_INFINITY;
    const call = this.#call;
    if (call !== undefined) return call.trusted && (call.named || this.#options.forced) ? this.#at : call.at;
    return this.#thoughts.over ? this.#heldAt : this.#at;
  }

  /** Takes more text. */
  push(text: string): void {
    this.#justOpened = false;
    this.#text += text;
    this.#read();
  }

  /** A grammar holds the call that was opened to its form from here on. */
  trustCall(): void {
    if (this.#call === undefined) return;
    this.#call.trusted = true;
    this.#handOut(this.#call, this.#call.parts.splice(0));
  }

  /** Nothing follows. Whatever was held back goes out. */
  end(): void {
    if (this.#over !== undefined) return;
    if (!this.#thoughts.over) {
      this.#thoughts.end(this.#text, this.#at, this.#pieces);
      this.#settle(this.#text.length);
    }
    while (this.#call !== undefined) this.#endCall(this.#call);
    this.#pushText(this.#text.length);
    this.#flushStops();
  }

  /** The pieces found since the last call of this. */
  take(): Piece[] {
    return this.#pieces.splice(0);
  }

  #read(): void {
    if (!this.#thoughts.over) {
      this.#settle(this.#thoughts.read(this.#text, this.#at, this.#pieces));
      if (!this.#thoughts.over) return;
      this.#heldAt = this.#at;
    }
    while (this.#text !== "" && this.#over === undefined)
      if (!(this.#call === undefined ? this.#readText() : this.#readCall(this.#call))) return;
  }

  /** False when more text is needed to go on. */
  #readText(): boolean {
    const openers = this.#options.notation?.openers ?? [];
    if (this.#inMargin && !this.#leaveMargin()) return false;
    if (this.#bareAllowed) {
      const bare = this.#readBare();
      if (bare !== "no") return bare === "call";
    }
    const opener = findFirst(this.#text, openers);
    if (opener === undefined) {
      this.#pushText(this.#text.length - partialMatchLength(this.#text, openers));
      return false;
    }
    this.#pushText(opener.index);
    if (this.#over !== undefined) return false;
    this.#openCall(opener.needle);
    return true;
  }

  /** False while there is nothing but margin. */
  #leaveMargin(): boolean {
    const margin = this.#text.length - this.#text.trimStart().length;
    this.#settle(margin);
    this.#heldAt = this.#at;
    this.#inMargin = this.#text === "";
    return !this.#inMargin;
  }

  /** A brace at the beginning, behind nothing but space, opens a call without a mark. */
  #readBare(): "call" | "no" | "more" {
    const trimmed = this.#text.trimStart();
    if (trimmed === "") return "more";
    this.#bareAllowed = false;
    if (!trimmed.startsWith("{")) return "no";
    this.#pushText(this.#text.length - trimmed.length);
    this.#openCall("");
    return "call";
  }

  #openCall(opener: string): void {
    this.#flushStops();
    this.#justOpened = opener !== "";
    this.#call = {
      at: this.#at,
      opener,
      text: "",
      trusted: this.#options.trusted,
      reader: this.#options.notation!.createReader(),
      parts: [],
      named: false,
    };
    this.#settle(opener.length);
  }

  #readCall(call: Call): boolean {
    const count = call.reader.read(this.#text);
    call.text += this.#text.slice(0, count);
    this.#settle(count);
    this.#collect(call);
    if (call.reader.state === "done") this.#closeCall(call);
    else if (call.reader.state === "broken") this.#dropCall(call);
    else return false;
    return true;
  }

  #endCall(call: Call): void {
    if (call.reader.state === "complete") this.#closeCall(call);
    else if (call.trusted && (call.named || this.#options.forced)) this.#leaveCall();
    else this.#dropCall(call);
    this.#read();
  }

  #collect(call: Call): void {
    const parts = call.reader.take();
    if (call.trusted) this.#handOut(call, parts);
    else call.parts.push(...parts);
  }

  #closeCall(call: Call): void {
    if (!call.trusted && !this.#isRight(call.parts)) {
      this.#dropCall(call);
      return;
    }
    this.#handOut(call, call.parts);
    this.#leaveCall();
    this.#bareAllowed = false;
    this.#inMargin = true;
    if (this.#completeCalls >= this.#options.maxCalls) this.#over = "calls";
  }

  /** It was no call: its opener is text, and what follows is read again. */
  #dropCall(call: Call): void {
    const written = call.opener + call.text;
    const handedOut = call.trusted && call.named ? written.length : 0;
    this.#text = written.slice(handedOut) + this.#text;
    this.#at = call.at + handedOut;
    this.#leaveCall();
    if (handedOut === 0) this.#pushText(Math.max(1, call.opener.length));
  }

  #leaveCall(): void {
    this.#call = undefined;
    this.#heldAt = this.#at;
  }

  /** Every call names a function that may be called, and its arguments are a JSON object. */
  #isRight(parts: readonly CallPart[]): boolean {
    const names = parts.flatMap((part) => (part.kind === "name" ? [part.name] : []));
    return names.every((name) => this.#options.callable.has(name)) && argumentsOf(parts).every(isJsonObject);
  }

  #handOut(call: Call, parts: readonly CallPart[]): void {
    const base = call.at + call.opener.length;
    for (const part of parts) {
      if (this.#completeCalls >= this.#options.maxCalls) return;
      if (part.kind === "arguments") this.#pieces.push(running("arguments", base + part.from, part.text));
      else if (part.kind === "end") this.#completeCalls++;
      else if (part.kind === "name") this.#pieces.push({ kind: "call", name: part.name, to: base + part.to });
      else this.#pieces.push({ kind: "decoded", text: part.text, to: base + part.to });
      call.named ||= part.kind === "name";
    }
  }

  /** Settles so many characters as text of the answer. */
  #pushText(count: number): void {
    if (count === 0) return;
    this.#pushClear(this.#stops.push(this.#text.slice(0, count)));
    this.#settle(count);
    if (this.#stops.hit) this.#over = "stop";
  }

  /** A stop text does not reach across a call. */
  #flushStops(): void {
    this.#pushClear(this.#stops.flush());
    this.#heldAt = this.#at;
  }

  #pushClear(text: string): void {
    if (text !== "") this.#pieces.push(running("text", this.#heldAt, text));
    this.#heldAt += text.length;
  }

  #settle(count: number): void {
    this.#at += count;
    this.#text = this.#text.slice(count);
  }
}

interface Call {
  /** Where its opener begins. */
  readonly at: number;
  readonly opener: string;
  /** What was read behind the opener. */
  text: string;
  trusted: boolean;
  readonly reader: CallReader;
  /** What was found and not handed out. */
  parts: CallPart[];
  /** Whether a call was handed out. */
  named: boolean;
}

/** The arguments of each call, as one text. */
function argumentsOf(parts: readonly CallPart[]): string[] {
  const texts: string[] = [];
  for (const part of parts)
    if (part.kind === "name") texts.push("");
    else if (part.kind !== "end") texts[texts.length - 1] += part.text;
  return texts;
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
