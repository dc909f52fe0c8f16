import type { Clock } from "../../../core/clock.ts";
import type { Kind } from "../../../core/errors/kinds.ts";
import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import {
  describeGeneration,
  type OnGenerationEnd,
  type Surface,
} from "../../../core/telemetry/generation-record.ts";
import type {
  Finished,
  FinishReason,
  Generation,
  GenerationEvent,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";

/** How the end of an answer is told. */
export interface EndOptions {
  readonly clock: Clock;
  /** Through what the answer was asked for. */
  readonly surface: Surface;
  /** Is told the end of every answer. */
  readonly onGenerationEnd: OnGenerationEnd;
}

/** Sees the events of one answer go by, and tells its end, once: the first word counts. */
export class AnswerWatch {
  /** Whether the end has been told. */
  ended = false;
  /** Whether deltas still matter: until the first that brings a token. */
  awaitsToken = true;
  readonly #generation: Generation;
  readonly #options: EndOptions;
  readonly #begunAt: number;
  #nodeId: string | undefined;
  #firstTokenMs: number | undefined;
  #finished: Finished | undefined;

  constructor(options: EndOptions, generation: Generation) {
    this.#options = options;
    this.#generation = generation;
    this.#begunAt = options.clock.now();
  }

  see({ event }: GenerationEvent): void {
    if (event.case === "delta") {
      if (!this.awaitsToken || (event.value.text === "" && event.value.tokenIds.length === 0)) return;
      this.awaitsToken = false;
      this.#firstTokenMs = this.#sinceBegin();
    } else if (event.case === "finished") this.#finished = event.value;
    else if (event.case === "started") this.#nodeId = event.value.nodeId;
  }

  /** The events have ended. Throws when they did so too early. */
  end(): void {
    if (this.#finished === undefined)
      throw new MeshError("engine_failed", "The answer broke off before its end.");
    this.#tell(this.#finished.reason);
  }

  /** The events have ended by what was thrown; returns it as the error that it means. */
  fail(thrown: unknown): MeshError {
    const error = toMeshError(thrown);
    this.#tell(error.kind);
    return error;
  }

  #tell(outcome: FinishReason | Kind): void {
    if (this.ended) return;
    this.ended = true;
    const { surface, onGenerationEnd } = this.#options;
    const continuedOn = this.#finished?.continuations.map(({ nodeId }) => nodeId);
    onGenerationEnd({
      ...describeGeneration(this.#generation),
      surface,
      nodeId: continuedOn?.at(-1) ?? this.#nodeId,
      continuedOn,
      outcome,
      promptTokens: this.#finished?.usage?.promptTokens,
      completionTokens: this.#finished?.usage?.completionTokens,
      firstTokenMs: this.#firstTokenMs,
      durationMs: this.#sinceBegin(),
    });
  }

  #sinceBegin(): number {
    return this.#options.clock.now() - this.#begunAt;
  }
}
