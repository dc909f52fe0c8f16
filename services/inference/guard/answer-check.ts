import { MeshError } from "../../../core/errors/mesh-error.ts";
import { finishedEvent, isEmptyDelta } from "../../../core/generation/events.ts";
import * as proto from "../../../gen/cxmpute/generation/v1/generation_pb.ts";

/** The most that one answer may hold: UTF-16 units of text, reasoning and tool arguments, and token ids. */
const answerLimitUnits = 8 * 1024 * 1024;

/** Holds an engine to the contract: fixes what needs no guess, else throws `engine_failed`. */
export class AnswerCheck {
  readonly #maxTokens: number;
  readonly #resumedTokens: number;
  readonly #model: string;
  /** How many embeddings are asked for; undefined for text. */
  readonly #inputs: number | undefined;
  #stage: "before started" | "open" | "finished" = "before started";
  #units = 0;
  #shownDeltas = 0;
  #embedded = 0;
  /** Calls started so far; undefined until the first piece of one when some may have started on another node. */
  #toolCalls: number | undefined;
  /** Tokens given with ids, without those resumed from. */
  givenTokens = 0;
  /** Whether anything but signs of life was sent. */
  shown = false;

  constructor({ model, embedding, limits, resume }: proto.Generation) {
    this.#model = model;
    this.#inputs = embedding?.inputs.length;
    this.#maxTokens = limits?.maxTokens ?? Number.POSITIVE_INFINITY;
    this.#resumedTokens = resume?.tokenIds.length ?? 0;
    this.#toolCalls = this.#resumedTokens === 0 ? 0 : undefined;
  }

  /** Tokens so far: by ids, else by deltas, since engines without ids send one per token. */
  get tokensSoFar(): number {
    return this.givenTokens > 0 ? this.givenTokens : this.#shownDeltas;
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

  /** The error of an engine that ends before `finished`. */
  incomplete(): MeshError {
    return this.#broken("ended its answer without `finished`");
  }

  #acceptDelta(event: proto.GenerationEvent, delta: proto.Delta): proto.GenerationEvent {
    if (isEmptyDelta(delta)) return event;
    if (this.#inputs !== undefined) throw this.#broken("answered with text where embeddings were asked for");
    this.shown = true;
    this.#shownDeltas++;
    this.givenTokens += delta.tokenIds.length;
    if (this.#resumedTokens + this.givenTokens > this.#maxTokens)
      throw this.#broken(`sent more than the ${this.#maxTokens} tokens that were asked for`);
    this.#units += delta.text.length + delta.reasoning.length + delta.tokenIds.length;
    for (const piece of delta.toolCalls) this.#acceptToolCall(piece);
    if (this.#units > answerLimitUnits) throw this.#broken("sent an answer that is too long for the mesh");
    return isWellFormed(delta) ? event : { ...event, event: { case: "delta", value: toWellFormed(delta) } };
  }

  #acceptEmbedded(event: proto.GenerationEvent, { index, values }: proto.Embedded): proto.GenerationEvent {
    if (this.#inputs === undefined) throw this.#broken("sent an embedding that was not requested");
    if (index !== this.#embedded || index >= this.#inputs) throw this.#broken("left out an embedding");
    if (values.length === 0 || !values.every(Number.isFinite))
      throw this.#broken("sent an embedding without numbers");
    this.#embedded++;
    this.shown = true;
    return event;
  }

  /** Calls are numbered without gaps; the first piece of each, with id and name, may come from another node. */
  #acceptToolCall(piece: proto.ToolCallDelta): void {
    this.#units += piece.argumentsJson.length;
    this.#toolCalls ??= piece.id === "" ? piece.index + 1 : piece.index;
    if (piece.index === this.#toolCalls) {
      if (piece.id === "" || piece.name === "") throw this.#broken("started a tool call without id or name");
      this.#toolCalls++;
    } else if (piece.index > this.#toolCalls) throw this.#broken("left out a tool call");
  }

  #acceptFinished(event: proto.GenerationEvent, finished: proto.Finished): proto.GenerationEvent {
    const { reason, usage, stop } = finished;
    if (reason === proto.FinishReason.UNSPECIFIED) throw this.#broken("finished without a reason");
    if (usage === undefined) throw this.#broken("finished without usage");
    if (this.#embedded < (this.#inputs ?? 0)) throw this.#broken("left out an embedding");
    const completionTokens =
      this.givenTokens > 0 ? this.#resumedTokens + this.givenTokens : usage.completionTokens;
    if (completionTokens > this.#maxTokens)
      throw this.#broken(`used more than the ${this.#maxTokens} tokens that were asked for`);
    return completionTokens === usage.completionTokens
      ? event
      : finishedEvent(reason, { ...usage, completionTokens }, stop);
  }

  #broken(what: string): MeshError {
    return new MeshError("engine_failed", `The engine of \`${this.#model}\` ${what}.`);
  }
}

const positions = {
  "before started": "before `started`",
  open: "again after `started`",
  finished: "after `finished`",
};

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
