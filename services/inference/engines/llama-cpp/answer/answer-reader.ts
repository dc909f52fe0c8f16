import { findFirst, partialMatchLength } from "../../text/partial-match.ts";
import { StopFilter } from "../../text/stop-filter.ts";
import type { ToolCallFormat } from "../tool-calls/formats.ts";
import { OpenCall } from "../tool-calls/open-call.ts";
import { type Piece, type ReasoningStart, reasoningTags, running } from "./pieces.ts";

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
 * Parses a model's output and emits each part as soon as it is unambiguous; each `yield` waits for more text:
 *     reasoning ──▶ text ──opener──▶ call ──▶ text … ──stop sequence or enough calls──▶ over
 *                    ▲                 │
 *                    └──── invalid ────┘
 * A call that a grammar constrains is streamed (`trustCall`); any other waits until it is complete and valid.
 */
export class AnswerReader {
  readonly #options: AnswerReaderOptions;
  readonly #openers: readonly string[];
  readonly #parsing: Parsing<void>;
  readonly #stops: StopFilter;
  #pieces: Piece[] = [];
  /** Unsettled input, and its offset. */
  #text = "";
  #at = 0;
  #ended = false;
  #thinking = false;
  /** True behind the reasoning, if any. */
  #inAnswer = false;
  /** Offset of the text that the stop filter holds back. */
  #heldAt = 0;
  #call: OpenCall | undefined;
  #over: "stop" | "calls" | undefined;
  #completeCalls = 0;
  #justOpened = false;
  /** Characters of what looked like calls and was none. */
  #readAgain = 0;

  constructor(options: AnswerReaderOptions) {
    this.#options = options;
    this.#openers = options.toolCallFormat?.openers ?? [];
    this.#stops = new StopFilter(options.stops);
    this.#parsing = this.#parse();
    this.#parsing.next();
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
    return this.#thinking;
  }

  get completeCalls(): number {
    return this.#completeCalls;
  }

  /** If the latest push met the opener of an untrusted call: the text after that opener. */
  get openedCall(): string | undefined {
    return this.#justOpened && this.#call?.trusted === false ? this.#call.text : undefined;
  }

  get inTrustedCall(): boolean {
    return this.#call?.trusted === true;
  }

  /** The offset up to which all is settled; infinite once the answer is over. */
  get settledTo(): number {
    if (this.#over !== undefined) return Number.POSITIVE_INFINITY;
    const call = this.#call;
    if (call !== undefined) return this.#isStreamed(call) ? this.#at : call.at;
    return this.#inAnswer ? this.#heldAt : this.#at;
  }

  push(text: string): void {
    this.#justOpened = false;
    this.#text += text;
    if (text !== "") this.#parsing.next();
  }

  /** From here on a grammar constrains the open call. */
  trustCall(): void {
    if (this.#call === undefined) return;
    this.#call.trusted = true;
    this.#handOut(this.#call);
  }

  /** Ends the input and emits what was held back. */
  end(): void {
    this.#ended = true;
    this.#parsing.next();
  }

  /** The pieces found since the last `take`. */
  take(): Piece[] {
    return this.#pieces.splice(0);
  }

  *#parse(): Parsing<void> {
    yield* this.#parseReasoning();
    this.#inAnswer = true;
    this.#heldAt = this.#at;
    let opener = (yield* this.#parseBrace()) ?? (yield* this.#parseText());
    while (opener !== undefined) {
      yield* this.#parseCall(opener);
      opener = yield* this.#parseText();
    }
    if (this.#over === undefined) this.#flushStops();
  }

  /** Reasoning at the beginning of an answer, with the tags and the white space around them, which is not shown. */
  *#parseReasoning(): Parsing<void> {
    const { begin, end } = reasoningTags;
    if (this.#options.thinking === "never") return;
    if (this.#options.thinking === "possible") {
      while (!this.#text.trimStart().startsWith(begin)) {
        if (this.#ended || !begin.startsWith(this.#text.trimStart())) return;
        yield;
      }
      this.#settle(this.#text.indexOf(begin) + begin.length);
    }
    this.#thinking = true;
    yield* this.#skipSpace();
    while (!this.#text.includes(end)) {
      const heldBack = this.#ended ? 0 : partialMatchLength(this.#text, [end]);
      this.#pushReasoning(this.#text.length - heldBack);
      if (this.#ended) return this.#settle(this.#text.length);
      yield;
    }
    this.#pushReasoning(this.#text.indexOf(end));
    this.#settle(this.#text.indexOf(end) + end.length);
    this.#thinking = false;
    yield* this.#skipSpace();
  }

  #pushReasoning(count: number): void {
    const reasoning = this.#text.slice(0, count).trimEnd();
    if (reasoning !== "") this.#pieces.push(running("reasoning", this.#at, reasoning));
    this.#settle(reasoning.length);
  }

  *#skipSpace(): Parsing<void> {
    for (;;) {
      this.#settle(this.#text.length - this.#text.trimStart().length);
      this.#heldAt = this.#at;
      if (this.#text !== "" || this.#ended) return;
      yield;
    }
  }

  /** A brace that follows nothing but space starts a call without an opener. */
  *#parseBrace(): Parsing<string | undefined> {
    const { toolCallFormat, continuesText } = this.#options;
    if (toolCallFormat?.bare !== true || continuesText === true) return undefined;
    while (this.#text.trimStart() === "" && !this.#ended) yield;
    const trimmed = this.#text.trimStart();
    if (!trimmed.startsWith("{")) return undefined;
    this.#pushText(this.#text.length - trimmed.length);
    return this.#over === undefined ? "" : undefined;
  }

  /** Text up to the opener of a call, which is returned; undefined when the answer is over. */
  *#parseText(): Parsing<string | undefined> {
    while (this.#over === undefined) {
      const opener = this.#readAgain > readAgainLimit ? undefined : findFirst(this.#text, this.#openers);
      if (opener !== undefined) {
        this.#pushText(opener.index);
        return this.#over === undefined ? opener.needle : undefined;
      }
      const heldBack = this.#ended ? 0 : partialMatchLength(this.#text, this.#openers);
      this.#pushText(this.#text.length - heldBack);
      if (this.#ended) return undefined;
      if (this.#over === undefined) yield;
    }
    return undefined;
  }

  *#parseCall(opener: string): Parsing<void> {
    this.#flushStops();
    this.#justOpened = opener !== "";
    const { toolCallFormat, trusted, callable, maxCalls } = this.#options;
    const call = new OpenCall(this.#at, opener, toolCallFormat!.parse, trusted);
    this.#call = call;
    this.#settle(opener.length);
    for (;;) {
      this.#settle(call.read(this.#text));
      if (call.trusted) this.#handOut(call);
      if (call.state === "done" || call.state === "broken" || this.#ended) break;
      yield;
    }
    const isWhole = call.state === "done" || call.state === "complete";
    if (isWhole && (call.trusted || call.isValid(callable))) {
      this.#handOut(call);
      this.#leaveCall();
      if (this.#completeCalls >= maxCalls) this.#over = "calls";
      // White space after a call belongs to it.
      else yield* this.#skipSpace();
    } else if (call.state === "reading" && this.#isStreamed(call)) this.#leaveCall();
    else this.#dropCall(call);
  }

  /** Whether its parts are emitted as they come, and are no text whatever follows. */
  #isStreamed({ trusted, named }: OpenCall): boolean {
    return trusted && (named || this.#options.forced);
  }

  /** The call is invalid: its opener is text, and what follows is parsed again. */
  #dropCall(call: OpenCall): void {
    const written = call.opener + call.text;
    this.#readAgain += written.length;
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
    for (const piece of call.take()) {
      if (this.#completeCalls >= this.#options.maxCalls) break;
      if (piece.kind === "end") this.#completeCalls++;
      else this.#pieces.push(piece);
    }
  }

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

/**
 * An answer of openers that nothing closes would be read again from each of them on. After this many characters
 * the rest is text.
 */
const readAgainLimit = 100_000;

/** Waits for more input at each `yield`. */
type Parsing<T> = Generator<undefined, T, void>;
