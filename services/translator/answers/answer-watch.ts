import type { Clock } from "../../../core/clock.ts";
import type { Kind } from "../../../core/errors/kinds.ts";
import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import { logGeneration } from "../../../core/telemetry/generation-summary.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type {
  Finished,
  FinishReason,
  Generation,
  GenerationEvent,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";

/** Sees the events of one answer go by, and logs the answer's one line at its end. */
export class AnswerWatch {
  /** Whether deltas still matter: until the first that brings a token. */
  awaitsToken = true;
  readonly #generation: Generation;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #begunAt: number;
  #nodeId: string | undefined;
  #firstTokenMs: number | undefined;
  #finished: Finished | undefined;

  constructor(generation: Generation, clock: Clock, log: Log) {
    this.#generation = generation;
    this.#clock = clock;
    this.#log = log;
    this.#begunAt = clock.now();
  }

  see({ event }: GenerationEvent): void {
    if (event.case === "delta") {
      if (!this.awaitsToken || (event.value.text === "" && event.value.tokenIds.length === 0)) return;
      this.awaitsToken = false;
      this.#firstTokenMs = this.#clock.now() - this.#begunAt;
    } else if (event.case === "finished") this.#finished = event.value;
    else if (event.case === "started") this.#nodeId = event.value.nodeId;
  }

  /** The events have ended. Throws when they did so too early. */
  end(): void {
    if (this.#finished === undefined)
      throw new MeshError("engine_failed", "The answer broke off before its end.");
    this.#logOutcome(this.#finished.reason);
  }

  /** The events have ended by what was thrown; returns it as the error that it means. */
  fail(thrown: unknown): MeshError {
    const error = toMeshError(thrown);
    this.#logOutcome(error.kind);
    return error;
  }

  #logOutcome(outcome: FinishReason | Kind): void {
    const { id: generationId, model, caller } = this.#generation;
    logGeneration(this.#log, {
      requestId: caller?.requestId ?? "",
      generationId,
      model,
      nodeId: this.#nodeId,
      userId: caller?.userId,
      outcome,
      promptTokens: this.#finished?.usage?.promptTokens,
      completionTokens: this.#finished?.usage?.completionTokens,
      firstTokenMs: this.#firstTokenMs,
      durationMs: this.#clock.now() - this.#begunAt,
    });
  }
}
