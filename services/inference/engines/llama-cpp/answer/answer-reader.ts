import { findFirst, partialMatchLength } from "../../text/partial-match.ts";
import { StopFilter } from "../../text/stop-filter.ts";
import { OpenCall } from "../tool-calls/open-call.ts";
import type { ToolCallFormat } from "../tool-calls/tool-call-format.ts";
import { type Piece, running } from "./pieces.ts";
import { ReasoningReader, type ReasoningStart } from "./reasoning-reader.ts";

/** How to read an answer. */
export interface AnswerReaderOptions {
  readonly thinking: ReasoningStart;
  readonly stops: readonly string[];
  /** The tool-call format; undefined when the answer has no calls. */
  readonly toolCallFormat: ToolCallFormat | undefined;
  /** True when text precedes the answer, so a brace at its beginning starts no call. Default false. */
  readonly continuesText?: boolean;
  /** Functions that may be called; other names are not calls. */
  readonly callable: ReadonlySet<string>;
  /** The answer ends after this many calls. */
  readonly maxCalls: number;
  /** True when a grammar constrains the answer from its beginning, so calls need no validation. */
  readonly trusted: boolean;
  /** True when the answer must consist of calls: the rest of an incomplete one is not text. */
  readonly forced: boolean;
}

/**
 * Parses a model's output into reasoning, text and calls, and emits each part as soon as it is unambiguous:
 *
 *     reasoning ──▶ text ──opener──▶ call ──▶ text … ──stop sequence or enough calls──▶ over
 *                    ▲                 │
 *                    └──── invalid ────┘
 *
 * A call that a grammar constrains is streamed (`trustCall`). Any other is held back until it is complete and valid,
 * and emitted as text when it is invalid.
 */
export class AnswerReader {
  readonly #options: AnswerReaderOptions;
  readonly #reasoning: ReasoningReader;
  #stops: StopFilter;
  #pieces: Piece[] = [];
  /** Unsettled input, and its offset. */
  #text = "";
  #at = 0;
  /** Offset of the text that the stop filter holds back. */
  #heldAt = 0;
  #call: OpenCall | undefined;
  #bareAllowed: boolean;
  #over: "stop" | "calls" | undefined;
  #completeCalls = 0;
  #justOpened = false;
  /** True after a call, whose trailing white space belongs to it. */
  #inMargin = false;

  constructor(options: AnswerReaderOptions) {
    this.#options = options;
    this.#reasoning = new ReasoningReader(options.thinking);
    this.#stops = new StopFilter(options.stops);
    this.#bareAllowed = options.toolCallFormat?.bare === true && options.continuesText !== true;
  }

  /** Why the answer is over; undefined while it is not. */
  get over(): "stop" | "calls" | undefined {
    return this.#over;
  }

  /** The stop sequence that was met; empty when none was. */
  get stop(): string {
    return this.#stops.met;
  }

  get thinking(): boolean {
    return this.#reasoning.thinking;
  }

  get completeCalls(): number {
    return this.#completeCalls;
  }

  /** If the latest push met the opener of an untrusted call: the text after that opener. */
  get openedCall(): string | undefined {
    return this.#justOpened && this.#call?.trusted === false ? this.#call.text : undefined;
  }

  /** True inside a call that a grammar constrains. */
  get inTrustedCall(): boolean {
    return this.#call?.trusted === true;
  }

  /** The offset up to which all is settled; infinite once the answer is over. */
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

  /** From here on a grammar constrains the open call. */
  trustCall(): void {
    if (this.#call === undefined) return;
    this.#call.trusted = true;
    this.#handOut(this.#call);
  }

  /** Ends the input and emits what was held back. */
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

  /** The pieces found since the last call. */
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

  #leaveMargin(): boolean {
    const margin = this.#text.length - this.#text.trimStart().length;
    this.#settle(margin);
    this.#heldAt = this.#at;
    this.#inMargin = this.#text === "";
    return !this.#inMargin;
  }

  /** A brace that follows nothing but space starts a call without an opener. */
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
    const { toolCallFormat, trusted } = this.#options;
    this.#call = new OpenCall(this.#at, opener, toolCallFormat!.parse, trusted);
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
    if (!call.trusted && !call.isValid(this.#options.callable)) {
      this.#dropCall(call);
      return;
    }
    this.#handOut(call);
    this.#leaveCall();
    this.#bareAllowed = false;
    this.#inMargin = true;
    if (this.#completeCalls >= this.#options.maxCalls) this.#over = "calls";
  }

  /** The call is invalid: its opener is text, and what follows is parsed again. */
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

  /** Settles characters as text of the answer. */
  #pushText(count: number): void {
    if (count === 0) return;
    this.#pushClear(this.#stops.push(this.#text.slice(0, count)));
    this.#settle(count);
    if (this.#stops.hit) this.#over = "stop";
  }

  /** Stop sequences do not span calls. */
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
