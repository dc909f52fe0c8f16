import { findFirst, partialMatchLength } from "../../text/partial-match.ts";
import { StopFilter } from "../../text/stop-filter.ts";
import type { ToolCallFormat } from "../tool-calls/tool-call-format.ts";
import { OpenCall } from "./open-call.ts";
import { type Piece, running } from "./pieces.ts";
import { ReasoningReader, type ThinkingStart } from "./reasoning-reader.ts";

/** How to read an answer. */
export interface AnswerReaderOptions {
  readonly thinking: ThinkingStart;
  readonly stops: readonly string[];
  /** How calls are written; undefined when there are none to look for. */
  readonly toolCallFormat: ToolCallFormat | undefined;
  /** True: text stands before what is read, so a brace at the beginning opens no call. Absent means false. */
  readonly begun?: boolean;
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
  readonly #reasoning: ReasoningReader;
  #stops: StopFilter;
  #pieces: Piece[] = [];
  /** What came in and is not settled, and where it stands. */
  #text = "";
  #at = 0;
  /** Where the text begins that the stop filter holds back. */
  #heldAt = 0;
  #call: OpenCall | undefined;
  #bareAllowed: boolean;
  #over: "stop" | "calls" | undefined;
  #completeCalls = 0;
  #justOpened = false;
  /** True behind a call: the white space there belongs to it. */
  #inMargin = false;

  constructor(options: AnswerReaderOptions) {
    this.#options = options;
    this.#reasoning = new ReasoningReader(options.thinking);
    this.#stops = new StopFilter(options.stops);
    this.#bareAllowed = options.toolCallFormat?.bare === true && options.begun !== true;
  }

  /** Why nothing more belongs to the answer, when that is so. */
  get over(): "stop" | "calls" | undefined {
    return this.#over;
  }

  /** The stop text that was met; empty when none was. */
  get stop(): string {
    return this.#stops.met;
  }

  /** True while the model thinks. */
  get thinking(): boolean {
    return this.#reasoning.thinking;
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
    return this.#reasoning.over ? this.#heldAt : this.#at;
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
    this.#handOut(this.#call);
  }

  /** Nothing follows. Whatever was held back goes out. */
  end(): void {
    if (this.#over !== undefined) return;
    if (!this.#reasoning.over) {
      this.#reasoning.end(this.#text, this.#at, this.#pieces);
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
    if (!this.#reasoning.over) {
      this.#settle(this.#reasoning.read(this.#text, this.#at, this.#pieces));
      if (!this.#reasoning.over) return;
      this.#heldAt = this.#at;
    }
    while (this.#text !== "" && this.#over === undefined)
      if (!(this.#call === undefined ? this.#readText() : this.#readCall(this.#call))) return;
  }

  /** False when more text is needed to go on. */
  #readText(): boolean {
    const openers = this.#options.toolCallFormat?.openers ?? [];
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
    const reader = this.#options.toolCallFormat!.createReader();
    this.#call = new OpenCall(this.#at, opener, reader, this.#options.trusted);
    this.#settle(opener.length);
  }

  #readCall(call: OpenCall): boolean {
    this.#settle(call.read(this.#text));
    if (call.trusted) this.#handOut(call);
    if (call.state === "done") this.#closeCall(call);
    else if (call.state === "broken") this.#dropCall(call);
    else return false;
    return true;
  }

  #endCall(call: OpenCall): void {
    if (call.state === "complete") this.#closeCall(call);
    else if (call.trusted && (call.named || this.#options.forced)) this.#leaveCall();
    else this.#dropCall(call);
    this.#read();
  }

  #closeCall(call: OpenCall): void {
    if (!call.trusted && !call.isRight(this.#options.callable)) {
      this.#dropCall(call);
      return;
    }
    this.#handOut(call);
    this.#leaveCall();
    this.#bareAllowed = false;
    this.#inMargin = true;
    if (this.#completeCalls >= this.#options.maxCalls) this.#over = "calls";
  }

  /** It was no call: its opener is text, and what follows is read again. */
  #dropCall(call: OpenCall): void {
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

  #handOut(call: OpenCall): void {
    const { pieces, completed } = call.take(this.#options.maxCalls - this.#completeCalls);
    this.#pieces.push(...pieces);
    this.#completeCalls += completed;
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
