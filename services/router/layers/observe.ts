import type { Clock } from "../../../core/clock.ts";
import type { Layer } from "../../../core/layers.ts";
import { describeGeneration, type OnGenerationEnd } from "../../../core/telemetry/generation-record.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { Begin, Call, Ending } from "../call.ts";

/** Who is told what became of a generation. */
export interface ObserveOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly onGenerationEnd: OnGenerationEnd;
}

/** Tells the end of every generation once, however it ended, and logs the cause of a bug beside it. */
export const observe =
  ({ clock, log, onGenerationEnd }: ObserveOptions): Layer<Begin> =>
  (next) =>
  (call) => {
    call.onEnd((ending) => {
      if (ending.error?.kind === "internal")
        log.error({ err: ending.error, generation_id: call.generation.id }, "generation failed unexpectedly");
      onGenerationEnd(toRecord(call, ending, clock.now()));
    });
    return next(call);
  };

const toRecord = (call: Call, { finished, error }: Ending, now: number) => ({
  ...describeGeneration(call.generation),
  nodeId: call.attempts.at(-1),
  attempts: call.attempts,
  continuedOn: call.continuations.map(({ nodeId }) => nodeId),
  outcome: error?.kind ?? finished?.reason ?? ("internal" as const),
  promptTokens: finished?.usage?.promptTokens,
  completionTokens: finished?.usage?.completionTokens,
  queuedMs: call.queuedMs,
  firstTokenMs: call.firstTokenMs,
  durationMs: now - call.receivedAt,
});
