import { createHash } from "node:crypto";
import type * as proto from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { decode, Utf8Stream } from "../../text/utf8-stream.ts";
import { toolCallDelta } from "../../tools/tool-use.ts";
import type { Vocabulary } from "../vocabulary.ts";
import type { AnswerReader } from "./answer-reader.ts";
import type { Piece } from "./pieces.ts";

/** The probability of a token under the model itself, before samplers and grammars. */
export interface TokenLikelihood {
  readonly logprob: number;
  /** The likeliest tokens at its position, best first. */
  readonly top: readonly { readonly token: number; readonly logprob: number }[];
}

/**
 * Keeps tokens, text and pieces of one answer together, and decides what may be emitted. **Invariant:** a
 * delta carries the ids of exactly the tokens whose text it completes, in order, so an engine that replays
 * delivered ids reaches the same state: nothing is lost or repeated. So a token waits with its text for the
 * rest of a character, while it may belong to a stop sequence or a tag, and while a call is unconfirmed.
 */
export class TokenBuffer {
  /** All tokens of the answer, emitted or not. */
  readonly tokens: number[] = [];
  reasoningTokens = 0;
  readonly #generationId: string;
  readonly #vocabulary: Vocabulary;
  readonly #dropsFirstSpace: boolean;
  readonly #reader: AnswerReader;
  readonly #utf8 = new Utf8Stream();
  readonly #waiting: WaitingToken[] = [];
  #pieces: Piece[] = [];
  /** Length of the output so far, in UTF-16 units. */
  #length = 0;
  #deliveredTo = 0;
  #callIndex = -1;

  /** `continuesText`: the answer continues a text, so a space at its beginning is part of it. */
  constructor(
    generationId: string,
    vocabulary: Vocabulary,
    reader: AnswerReader,
    { continuesText = false } = {},
  ) {
    this.#dropsFirstSpace = vocabulary.leadingSpace && !continuesText;
    this.#generationId = generationId;
    this.#vocabulary = vocabulary;
    this.#reader = reader;
  }

  /** Takes the next token. `skippedBytes`: how many of its bytes precede the answer. */
  push(token: number, likelihood?: TokenLikelihood, skippedBytes = 0): void {
    const wasReasoning = this.#reader.thinking;
    const bytes = this.#bytesOf(token).subarray(skippedBytes);
    const text = this.#utf8.push(bytes);
    const from = this.#length;
    this.#length += text.length;
    // An incomplete character counts as one that is still to come.
    const to = this.#utf8.pending ? this.#length + 1 : this.#length;
    this.tokens.push(token);
    this.#waiting.push({ token, bytes, from, to, likelihood });
    this.#reader.push(text);
    if (wasReasoning || this.#reader.thinking) this.reasoningTokens++;
  }

  end(): void {
    const rest = this.#utf8.end();
    this.#length += rest.length;
    this.#reader.push(rest);
    this.#reader.end();
  }

  /** Marks what was pushed so far as delivered by another engine. */
  skip(): void {
    const last = this.#waiting.at(-1);
    this.take();
    this.#waiting.length = 0;
    this.#deliveredTo = last?.to ?? 0;
  }

  /** What may be emitted now; undefined when everything is held back. */
  take(): proto.Delta | undefined {
    for (const piece of this.#reader.take()) this.#pieces.push(piece);
    const settledTo = Math.min(this.#reader.settledTo, this.#length);
    let count = 0;
    while (count < this.#waiting.length && this.#waiting[count]!.to <= settledTo) count++;
    if (count === 0) return undefined;
    const released = this.#waiting.splice(0, count);
    const delta = createDelta(released.map(({ token }) => token));
    const shown = this.#show(released.at(-1)!.to, delta);
    this.#addLogprobs(released, shown, delta);
    return delta;
  }

  /** Moves the pieces up to an offset into a delta. Returns the ranges of its text. */
  #show(end: number, delta: proto.Delta): Range[] {
    const shown: Range[] = [];
    let piece = this.#pieces[0];
    while (piece !== undefined && ("from" in piece ? piece.from < end : piece.to <= end)) {
      this.#pieces.shift();
      if (piece.to > end && "from" in piece) {
        this.#pieces.unshift({ ...piece, text: piece.text.slice(end - piece.from), from: end });
        piece = { ...piece, text: piece.text.slice(0, end - piece.from), to: end };
      }
      if (piece.kind === "call") this.#callIndex++;
      if (piece.to > this.#deliveredTo) this.#showPiece(this.#undelivered(piece), delta, shown);
      piece = this.#pieces[0];
    }
    return shown;
  }

  #undelivered(piece: Piece): Piece {
    if (!("from" in piece) || piece.from >= this.#deliveredTo) return piece;
    return { ...piece, from: this.#deliveredTo, text: piece.text.slice(this.#deliveredTo - piece.from) };
  }

  #showPiece(piece: Piece, delta: proto.Delta, shown: Range[]): void {
    switch (piece.kind) {
      case "text":
        delta.text += piece.text;
        shown.push(piece);
        return;
      case "reasoning":
        delta.reasoning += piece.text;
        return;
      case "call":
        delta.toolCalls.push(toolCallDelta(this.#callIndex, this.#callId(), piece.name, ""));
        return;
      default: {
        const last = delta.toolCalls.at(-1);
        if (last?.index === this.#callIndex) last.argumentsJson += piece.text;
        else delta.toolCalls.push(toolCallDelta(this.#callIndex, "", "", piece.text));
      }
    }
  }

  #addLogprobs(released: readonly WaitingToken[], shown: readonly Range[], delta: proto.Delta): void {
    for (const { token, bytes, from, to, likelihood } of released) {
      if (likelihood === undefined || bytes.length === 0) continue;
      const visible = shown.find((range) => range.from < to && range.to > from);
      if (visible === undefined) continue;
      const [first, last] = [Math.max(from, visible.from), Math.min(to, visible.to)];
      const isWhole = first === from && last === to;
      const text = isWhole ? undefined : new Utf8Stream().push(bytes).slice(first - from, last - from);
      delta.logprobs.push(toLogprob(token, bytes, likelihood, this.#vocabulary, text));
    }
  }

  /** Deterministic, so engines that continue this answer give the same id. */
  #callId(): string {
    const seed = `${this.#generationId}/${this.#callIndex}`;
    return `call_${createHash("sha256").update(seed).digest("base64url").replaceAll(/[-_]/g, "").slice(0, 24)}`;
  }

  /** SentencePiece starts every text with a space that is not part of it. */
  #bytesOf(token: number): Uint8Array {
    const bytes = this.#vocabulary.bytesOf(token);
    const isFirst = this.tokens.length === 0;
    return isFirst && this.#dropsFirstSpace && bytes[0] === 0x20 ? bytes.subarray(1) : bytes;
  }
}

interface Range {
  readonly from: number;
  readonly to: number;
}

interface WaitingToken extends Range {
  readonly token: number;
  readonly bytes: Uint8Array;
  readonly likelihood: TokenLikelihood | undefined;
}

/** The event of a delta. */
export const deltaEvent = (value: proto.Delta): proto.GenerationEvent => ({
  $typeName: "cxmpute.generation.v1.GenerationEvent",
  event: { case: "delta", value },
});

/** A delta of these tokens. A literal, because one is made per token. */
const createDelta = (tokenIds: number[]): proto.Delta => ({
  $typeName: "cxmpute.generation.v1.Delta",
  text: "",
  reasoning: "",
  toolCalls: [],
  tokenIds,
  logprobs: [],
});

/** A token with its log probability. `shown`: the part of its text that belongs to the answer, unless that is all. */
function toLogprob(
  token: number,
  bytes: Uint8Array,
  { logprob, top }: TokenLikelihood,
  vocabulary: Vocabulary,
  shown?: string,
): proto.TokenLogprob {
  return {
    $typeName: "cxmpute.generation.v1.TokenLogprob",
    token: shown === undefined ? choice(bytes, logprob) : choice(Buffer.from(shown), logprob),
    top: top.map((other) =>
      choice(other.token === token ? bytes : vocabulary.bytesOf(other.token), other.logprob),
    ),
  };
}

const choice = (bytes: Uint8Array, logprob: number): proto.TokenChoice => ({
  $typeName: "cxmpute.generation.v1.TokenChoice",
  text: decode(bytes),
  bytes,
  logprob,
});
