import type { Ending, StartAnswer } from "../../../core/answers/call.ts";
import type { Clock } from "../../../core/clock.ts";
import type { Layer } from "../../../core/layers.ts";
import { describeGeneration, type OnGenerationEnd } from "../../../core/telemetry/generation-record.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { RoutedCall } from "../call.ts";

/** How to observe generations. */
export interface ObserveOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly onGenerationEnd: OnGenerationEnd;
}

/** Reports the end of every generation once, and logs unexpected errors with their cause. */
export const observe =
  ({ clock, log, onGenerationEnd }: ObserveOptions): Layer<StartAnswer<RoutedCall>> =>
  (next) =>
  (call) => {
    call.onEnd((ending) => {
      if (ending.error?.kind === "internal")
        log.error({ err: ending.error, generation_id: call.generation.id }, "generation failed unexpectedly");
      onGenerationEnd(toRecord(call, ending, clock.now()));
    });
    return next(call);
  };

const toRecord = (call: RoutedCall, { finished, error }: Ending, now: number) => ({
  ...describeGeneration(call.generation),
  nodeId: call.attempts.at(-1),
  attempts: call.attempts,
  continuedOn: call.continuations.map(({ nodeId }) => nodeId),
  outcome: error?.kind ?? finished?.reason ?? ("internal" as const),
  promptTokens: finished?.usage?.promptTokens,
  completionTokens: finished?.usage?.completionTokens,
  discrepancy: call.discrepancy === 0 ? undefined : call.discrepancy,
  queuedMs: call.queuedMs,
  firstTokenMs: call.firstTokenMs,
  durationMs: now - call.receivedAt,
});
