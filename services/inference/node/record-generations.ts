import { MeshError } from "../../../core/errors/mesh-error.ts";
import {
  describeGeneration,
  type GenerationRecord,
  notifyAll,
  type OnGenerationEnd,
} from "../../../core/telemetry/generation-record.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { AnswerRecord } from "../guard/guarded-answer.ts";

/** Reports each generation of a node to the listeners when it has ended, and logs the cause of the node's own faults. */
export function recordGenerations(
  nodeId: string,
  listeners: readonly OnGenerationEnd[],
  log: Log,
): (record: AnswerRecord) => void {
  const report = notifyAll(listeners, log);
  return (record) => {
    report(toRecord(nodeId, record));
    const { generation, outcome } = record;
    if (outcome instanceof MeshError && outcome.cause !== undefined && outcome.row.http >= 500)
      log.error({ generation_id: generation.id, model: generation.model, err: outcome }, "the engine failed");
  };
}

const toRecord = (
  nodeId: string,
  { generation, outcome, usage, givenTokens, queuedMs, firstTokenMs, durationMs }: AnswerRecord,
): GenerationRecord => ({
  ...describeGeneration(generation),
  nodeId,
  outcome: outcome instanceof MeshError ? outcome.kind : outcome,
  promptTokens: usage?.promptTokens,
  completionTokens: usage?.completionTokens ?? givenTokens,
  queuedMs,
  firstTokenMs,
  durationMs,
});
