import { type FinishReason, FinishReasonSchema } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type Kind, kinds } from "../errors/kinds.ts";
import type { Log } from "./log.ts";

/** What one process knows of a generation when it has ended. */
export interface GenerationSummary {
  /** The request that asked for it, as in the `x-request-id` header. */
  readonly requestId: string;
  readonly generationId: string;
  /** Canonical name. */
  readonly model: string;
  /** Who answered; absent when nobody did. */
  readonly nodeId?: string | undefined;
  /** Who asked. */
  readonly userId?: string | undefined;
  /** Why it finished, or the kind of error that ended it. */
  readonly outcome: FinishReason | Kind;
  readonly promptTokens?: number | undefined;
  readonly completionTokens?: number | undefined;
  /** Waiting for a slot or for a node, in milliseconds. */
  readonly queuedMs?: number | undefined;
  /** From its beginning in this process to the first token, in milliseconds. */
  readonly firstTokenMs?: number | undefined;
  /** From its beginning in this process to its end, in milliseconds. */
  readonly durationMs: number;
}

/**
 * Writes the one line that each process logs for a generation, at its end. Never a prompt. Failures that are the
 * mesh's own are warnings; those that the caller caused, and everything else, are information.
 */
export function logGeneration(log: Log, summary: GenerationSummary): void {
  const failed = typeof summary.outcome === "string";
  const ours = typeof summary.outcome === "string" && kinds[summary.outcome].http >= 500;
  const level = ours ? "warn" : "info";
  if (!log.isLevelEnabled(level)) return;
  log[level](
    {
      request_id: summary.requestId,
      generation_id: summary.generationId,
      model: summary.model,
      node_id: summary.nodeId,
      user_id: summary.userId,
      outcome: typeof summary.outcome === "string" ? summary.outcome : finishName(summary.outcome),
      prompt_tokens: summary.promptTokens,
      completion_tokens: summary.completionTokens,
      queued_ms: round(summary.queuedMs),
      first_token_ms: round(summary.firstTokenMs),
      duration_ms: round(summary.durationMs),
    },
    failed ? "generation failed" : "generation finished",
  );
}

/** OpenAI's word for a reason: `stop`, `length`, `tool_calls` or `content_filter`. */
function finishName(reason: FinishReason): string {
  const value = FinishReasonSchema.values.find(({ number }) => number === reason);
  return value === undefined ? String(reason) : value.localName.toLowerCase();
}

const round = (ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : Math.round(ms * 10) / 10;
