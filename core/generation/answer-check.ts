import * as proto from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { MeshError } from "../errors/mesh-error.ts";
import { finishedEvent, isEmptyDelta } from "./events.ts";
import { boundUsage } from "./usage-bounds.ts";

/** The most that one answer may hold, in bytes: text, reasoning, tool calls and log probabilities. */
const answerLimitBytes = 24 * 1024 * 1024;
/** The longest token of any vocabulary with room to spare, in bytes: some have runs of 128 spaces. */
const longestTokenBytes = 512;
/** Text beyond that of the tokens, in bytes: engines write parts of forced calls themselves. */
const freeTextBytes = 4096;
/** A log probability as part of the answer's size, in bytes. */
const logprobBytes = 64;
/** More numbers than any model's vector has. */
const vectorLimit = 65_536;

/**
 * Holds an answer to the contract of engines and to what was asked for: fixes what needs no guess, else throws
 * `engine_failed`. Nodes hold their engines to it, and routers hold nodes to it, which may run anything.
 */
export class AnswerCheck {
  readonly #generation: proto.Generation;
  /** Begins the message of a failure, such as "The engine of `m`". */
  readonly #who: string;
  readonly #cutsUsage: boolean;
  readonly #maxTokens: number;
  readonly #resumedTokens: number;
  #stage: "before started" | "open" | "finished" = "before started";
  #bytes = 0;
  #bytesLimit: number;
  #shownDeltas = 0;
  #embedded = 0;
  #vectorLength = 0;
  /** Calls started so far; undefined until the first piece of one when some may have started on another node. */
  #toolCalls: number | undefined;
  /** Tokens given with ids, without those resumed from. */
  givenTokens = 0;
  /** Tokens that `finished` claimed beyond what was delivered, prompt and answer together. */
  discrepancy = 0;

  /** `cutsUsage`: whether a usage that cannot be is cut here; a node leaves that to the router, which records it. */
  constructor(generation: proto.Generation, who: string, { cutsUsage }: { readonly cutsUsage: boolean }) {
    const { limits, resume } = generation;
    this.#generation = generation;
    this.#who = who;
    this.#cutsUsage = cutsUsage;
    this.#maxTokens = limits?.maxTokens ?? Number.POSITIVE_INFINITY;
    this.#resumedTokens = resume?.tokenIds.length ?? 0;
    this.#bytesLimit = Math.min(answerLimitBytes, longestTokenBytes * this.#maxTokens + freeTextBytes);
    this.#toolCalls = this.#resumedTokens === 0 ? 0 : undefined;
  }

  /** Whether anything but signs of life was sent. */
  get shown(): boolean {
    return this.#shownDeltas > 0 || this.#embedded > 0;
  }

  get isFinished(): boolean {
    return this.#stage === "finished";
  }

  /** Grows with everything that is shown. */
  get progress(): number {
    return this.#bytes + this.#embedded;
  }

  /** Tokens so far: by ids, else by deltas, since engines without ids send one per token. */
  get tokensSoFar(): number {
    return this.givenTokens > 0 ? this.givenTokens : this.#shownDeltas;
  }

  /** Tokens by which speed may be judged: by ids, else so many as a text of this length usually has, or fewer. */
  get paceTokens(): number {
    return this.givenTokens > 0 ? this.givenTokens : Math.ceil(this.#bytes / usualTokenBytes);
  }

  /** The event, fixed where possible; throws `engine_failed`. */
  accept(event: proto.GenerationEvent): proto.GenerationEvent {
    const { event: kind } = event;
    switch (kind.case) {
      case "delta":
        if (this.#stage !== "open") break;
        return this.#acceptDelta(event, kind.value);
      case "embedded":
        if (this.#stage !== "open") break;
        return this.#acceptEmbedded(event, kind.value);
      case "started":
        if (this.#stage !== "before started") break;
        this.#stage = "open";
        return event;
      case "finished":
        if (this.#stage !== "open") break;
        this.#stage = "finished";
        return this.#acceptFinished(event, kind.value);
    }
    throw this.#broken(`sent \`${kind.case ?? "nothing"}\` ${positions[this.#stage]}`);
  }

  /** Accepts a delta of nothing but text or reasoning and token ids by its size; throws `engine_failed`. */
  acceptText(bytes: number, tokens: number): void {
    if (this.#stage !== "open") throw this.#broken(`sent \`delta\` ${positions[this.#stage]}`);
    if (bytes === 0 && tokens === 0) return;
    if (this.#generation.embedding !== undefined)
      throw this.#broken("answered with text where embeddings were asked for");
    this.#shownDeltas++;
    this.#bytes += bytes;
    if (tokens > 0) {
      this.givenTokens += tokens;
      if (this.#resumedTokens + this.givenTokens > this.#maxTokens)
        throw this.#broken(`sent more than the ${this.#maxTokens} tokens that were asked for`);
    }
    if (this.#bytes > this.#bytesLimit)
      throw this.#broken("sent an answer that is longer than its tokens can be");
  }

  /** The error of an engine that ends before `finished`. */
  incomplete(): MeshError {
    return this.#broken("ended its answer without `finished`");
  }

  #acceptDelta(event: proto.GenerationEvent, delta: proto.Delta): proto.GenerationEvent {
    if (isEmptyDelta(delta)) return event;
    const { text, reasoning, tokenIds, toolCalls, logprobs } = delta;
    let bytes = byteLength(text) + byteLength(reasoning);
    for (const piece of toolCalls) {
      this.#acceptToolCall(piece);
      bytes += byteLength(piece.argumentsJson) + byteLength(piece.name) + byteLength(piece.id);
    }
    this.acceptText(bytes, tokenIds.length);
    if (logprobs.length > 0) this.#acceptLogprobs(logprobs);
    return isWellFormed(delta) ? event : { ...event, event: { case: "delta", value: toWellFormed(delta) } };
  }

  #acceptLogprobs(logprobs: readonly proto.TokenLogprob[]): void {
    const { logprobs: asked } = this.#generation;
    if (asked === undefined) throw this.#broken("sent log probabilities that were not asked for");
    for (const { top } of logprobs) {
      if (top.length > asked.top) throw this.#broken("sent more log probabilities than were asked for");
      this.#logprobBytes += logprobBytes * (1 + top.length);
    }
    if (this.#logprobBytes > answerLimitBytes)
      throw this.#broken("sent an answer that is too long for the mesh");
  }
  #logprobBytes = 0;

  #acceptEmbedded(event: proto.GenerationEvent, { index, values }: proto.Embedded): proto.GenerationEvent {
    const { embedding } = this.#generation;
    if (embedding === undefined) throw this.#broken("sent an embedding that was not requested");
    if (index !== this.#embedded || index >= embedding.inputs.length)
      throw this.#broken("left out an embedding");
    if (values.length === 0 || values.length > vectorLimit || !values.every(Number.isFinite))
      throw this.#broken("sent an embedding without numbers");
    if (index > 0 && values.length !== this.#vectorLength)
      throw this.#broken("sent embeddings of different lengths");
    this.#vectorLength = values.length;
    this.#embedded++;
    return event;
  }

  /** Calls are numbered without gaps; the first piece of each, with id and name, may come from another node. */
  #acceptToolCall({ index, id, name }: proto.ToolCallDelta): void {
    const { tools, toolChoice, parallelToolCalls } = this.#generation;
    if (tools.length === 0 || toolChoice?.mode === proto.ToolChoice_Mode.NONE)
      throw this.#broken("called a tool where none may be called");
    this.#toolCalls ??= id === "" ? index + 1 : index;
    if (index > this.#toolCalls) throw this.#broken("left out a tool call");
    if (index < this.#toolCalls) {
      if (name !== "") throw this.#broken("started a tool call twice");
      return;
    }
    if (id === "" || name === "") throw this.#broken("started a tool call without id or name");
    const allowed = toolChoice?.allowedNames ?? [];
    if (!(allowed.length > 0 ? allowed.includes(name) : tools.some((tool) => tool.name === name)))
      throw this.#broken("called a tool that it was not given");
    if (index > 0 && parallelToolCalls === false)
      throw this.#broken("made more than the one tool call allowed");
    this.#toolCalls++;
  }

  #acceptFinished(event: proto.GenerationEvent, finished: proto.Finished): proto.GenerationEvent {
    const { reason, usage, stop } = finished;
    const { embedding, limits } = this.#generation;
    if (!reasons.has(reason)) throw this.#broken("finished without a reason");
    if (usage === undefined) throw this.#broken("finished without usage");
    if (this.#embedded < (embedding?.inputs.length ?? 0)) throw this.#broken("left out an embedding");
    if (reason === proto.FinishReason.TOOL_CALLS && this.#toolCalls === 0)
      throw this.#broken("finished with tool calls that it has not made");
    const bounded =
      this.#cutsUsage || this.givenTokens > 0
        ? boundUsage(usage, this.#generation, {
            bytes: this.#bytes,
            tokens: this.givenTokens > 0 ? this.#resumedTokens + this.givenTokens : undefined,
            calls: this.#toolCalls ?? 0,
          })
        : usage;
    const knownStop = stop === "" || limits?.stop.includes(stop) === true;
    if (bounded === usage && knownStop) return event;
    this.discrepancy =
      Math.max(0, usage.promptTokens - bounded.promptTokens) +
      Math.max(0, usage.completionTokens - bounded.completionTokens);
    return finishedEvent(reason, bounded, knownStop ? stop : "");
  }

  #broken(what: string): MeshError {
    return new MeshError("engine_failed", `${this.#who} ${what}.`);
  }
}

/** Bytes of a token as texts usually have them: 3 to 5. */
const usualTokenBytes = 3;

const reasons: ReadonlySet<proto.FinishReason> = new Set([
  proto.FinishReason.STOP,
  proto.FinishReason.LENGTH,
  proto.FinishReason.TOOL_CALLS,
  proto.FinishReason.CONTENT_FILTER,
]);

const positions = {
  "before started": "before `started`",
  open: "again after `started`",
  finished: "after `finished`",
};

/** The text's length in UTF-8; tokens are short, and a call into native code costs more than they do. */
function byteLength(text: string): number {
  const { length } = text;
  if (length > 32) return Buffer.byteLength(text);
  let bytes = length;
  for (let at = 0; at < length; at++) {
    const unit = text.charCodeAt(at);
    // Of a surrogate pair each half counts two.
    if (unit >= 0x80) bytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return bytes;
}

function isWellFormed(delta: proto.Delta): boolean {
  return (
    delta.text.isWellFormed() &&
    delta.reasoning.isWellFormed() &&
    delta.toolCalls.every((piece) => piece.argumentsJson.isWellFormed() && piece.name.isWellFormed())
  );
}

const toWellFormed = (delta: proto.Delta): proto.Delta => ({
  ...delta,
  text: delta.text.toWellFormed(),
  reasoning: delta.reasoning.toWellFormed(),
  toolCalls: delta.toolCalls.map((piece) => ({
    ...piece,
    name: piece.name.toWellFormed(),
    argumentsJson: piece.argumentsJson.toWellFormed(),
  })),
});
