import {
  type FinishReason,
  FinishReasonSchema,
  type Generation,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type Kind, kinds } from "../errors/kinds.ts";
import type { Log } from "./log.ts";

/** Where a generation entered the mesh. */
export type Surface = "chat" | "completions" | "responses" | "messages" | "embeddings" | "connect";

/** What one process knows of a generation at its end. Never a prompt, an answer or a key. */
export interface GenerationRecord {
  readonly requestId: string;
  readonly generationId: string;
  /** Canonical name. */
  readonly model: string;
  readonly userId: string;
  readonly keyId: string;
  readonly projectId: string;
  /** Absent in a router or a node, which do not see it. */
  readonly surface?: Surface;
  /** The last node that answered; absent when none did. */
  readonly nodeId?: string | undefined;
  /** The nodes of all attempts, in order, where a process picks them. */
  readonly attempts?: readonly string[];
  /** The nodes that took over the answer after its first token, in order. */
  readonly continuedOn?: readonly string[] | undefined;
  /** Why it finished, or the kind of error that ended it. */
  readonly outcome: FinishReason | Kind;
  readonly promptTokens?: number | undefined;
  readonly completionTokens?: number | undefined;
  /** Tokens of prompt and answer that nodes claimed beyond what was seen, and that are not counted; absent for none. */
  readonly discrepancy?: number | undefined;
  /** Wait for a slot or a node, in milliseconds. */
  readonly queuedMs?: number | undefined;
  /** From its start in this process to the first token, in milliseconds. */
  readonly firstTokenMs?: number | undefined;
  /** From its start in this process to its end, in milliseconds. */
  readonly durationMs: number;
}

/** Called once at the end of each generation of a process. Must not wait. */
export type OnGenerationEnd = (record: GenerationRecord) => void;

/** The fields of a record that come from the generation. */
export const describeGeneration = ({ id, model, caller }: Generation) => ({
  requestId: caller?.requestId ?? "",
  generationId: id,
  model,
  userId: caller?.userId ?? "",
  keyId: caller?.keyId ?? "",
  projectId: caller?.projectId ?? "",
});

/** Calls all listeners in order. One that fails is a bug: it is logged, and the others are still called. */
export const notifyAll =
  (listeners: readonly OnGenerationEnd[], log: Log): OnGenerationEnd =>
  (record) => {
    for (const listener of listeners) {
      try {
        listener(record);
      } catch (error) {
        log.error(
          { err: error, generation_id: record.generationId },
          "a listener for the end of generations failed",
        );
      }
    }
  };

/** Logs a line for each generation: a warning for failures of the mesh, else information; as a detail, a debug line. */
export const logGenerations =
  (log: Log, { isDetail = false } = {}): OnGenerationEnd =>
  (record) => {
    const { outcome, attempts, continuedOn } = record;
    const failed = typeof outcome === "string";
    const level = isDetail ? "debug" : failed && kinds[outcome].http >= 500 ? "warn" : "info";
    if (!log.isLevelEnabled(level)) return;
    log[level](
      {
        request_id: record.requestId,
        generation_id: record.generationId,
        surface: record.surface,
        model: record.model,
        node_id: record.nodeId,
        attempts: attempts !== undefined && attempts.length > 1 ? attempts : undefined,
        continued_on: continuedOn?.length === 0 ? undefined : continuedOn,
        user_id: orNothing(record.userId),
        key_id: orNothing(record.keyId),
        project_id: orNothing(record.projectId),
        outcome: failed ? outcome : finishName(outcome),
        prompt_tokens: record.promptTokens,
        completion_tokens: record.completionTokens,
        discrepancy: record.discrepancy,
        queued_ms: round(record.queuedMs),
        first_token_ms: round(record.firstTokenMs),
        duration_ms: round(record.durationMs),
      },
      failed ? "generation failed" : "generation finished",
    );
  };

/** OpenAI's name of a reason: `stop`, `length`, `tool_calls` or `content_filter`. */
function finishName(reason: FinishReason): string {
  const value = FinishReasonSchema.values.find(({ number }) => number === reason);
  return value === undefined ? String(reason) : value.localName.toLowerCase();
}

const orNothing = (text: string): string | undefined => (text === "" ? undefined : text);

const round = (ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : Math.round(ms * 10) / 10;
