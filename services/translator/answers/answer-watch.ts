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

/** How the end of an answer is reported. */
export interface EndOptions {
  readonly clock: Clock;
  readonly surface: Surface;
  /** Called at the end of every answer. */
  readonly onGenerationEnd: OnGenerationEnd;
}

/** Observes the events of one answer and reports its end exactly once. */
export class AnswerWatch {
  ended = false;
  /** Whether the first token is still to come; later deltas need not be seen. */
  awaitsToken = true;
  readonly #generation: Generation;
  readonly #options: EndOptions;
  readonly #startedAt: number;
  #nodeId: string | undefined;
  #firstTokenMs: number | undefined;
  #finished: Finished | undefined;

  constructor(options: EndOptions, generation: Generation) {
    this.#options = options;
    this.#generation = generation;
    this.#startedAt = options.clock.now();
  }

  see({ event }: GenerationEvent): void {
    if (event.case === "delta") {
      if (!this.awaitsToken || (event.value.text === "" && event.value.tokenIds.length === 0)) return;
      this.awaitsToken = false;
      this.#firstTokenMs = this.#elapsedMs();
    } else if (event.case === "finished") this.#finished = event.value;
    else if (event.case === "started") this.#nodeId = event.value.nodeId;
  }

  /** Reports the end of the events. Throws when they broke off. */
  end(): void {
    if (this.#finished === undefined)
      throw new MeshError("engine_failed", "The answer stopped before its end.");
    this.#report(this.#finished.reason);
  }

  /** Reports a failure; returns it as a MeshError. */
  fail(thrown: unknown): MeshError {
    const error = toMeshError(thrown);
    this.#report(error.kind);
    return error;
  }

  #report(outcome: FinishReason | Kind): void {
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
      durationMs: this.#elapsedMs(),
    });
  }

  #elapsedMs(): number {
    return this.#options.clock.now() - this.#startedAt;
  }
}
