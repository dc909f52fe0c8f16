import type { Clock } from "../../core/clock.ts";
import { logGeneration } from "../../core/telemetry/generation-summary.ts";
import type { Log } from "../../core/telemetry/log.ts";
import type { Call, Ending } from "./call.ts";

/** Logs the one line that this process writes for a generation, and the cause of a bug beside it. */
export function summarize(call: Call, { finished, error }: Ending, clock: Clock, log: Log): void {
  const { generation, attempts } = call;
  if (error?.kind === "internal")
    log.error({ err: error, generation_id: generation.id }, "generation met a bug");
  logGeneration(attempts.length > 1 ? log.child({ attempts }) : log, {
    requestId: generation.caller?.requestId ?? "",
    generationId: generation.id,
    model: generation.model,
    nodeId: attempts.at(-1),
    userId: call.userId,
    outcome: error?.kind ?? finished?.reason ?? "internal",
    promptTokens: finished?.usage?.promptTokens,
    completionTokens: finished?.usage?.completionTokens,
    queuedMs: call.queuedMs,
    firstTokenMs: call.firstTokenMs,
    durationMs: clock.now() - call.receivedAt,
  });
}
