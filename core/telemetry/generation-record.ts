import {
  type FinishReason,
  FinishReasonSchema,
  type Generation,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type Kind, kinds } from "../errors/kinds.ts";
import type { Log } from "./log.ts";

/** Through what a generation entered the mesh. */
export type Surface = "chat" | "completions" | "responses" | "messages" | "embeddings" | "connect";

/** What one process knows of a generation when it has ended. Never a prompt, an answer or a key. */
export interface GenerationRecord {
  /** The request that asked for it, as in the `x-request-id` header. */
  readonly requestId: string;
  readonly generationId: string;
  /** Canonical name. */
  readonly model: string;
  /** The account that asked; empty when nobody said. */
  readonly userId: string;
  /** Names the key that was used; empty for none. */
  readonly keyId: string;
  /** The key's project; empty for none. */
  readonly projectId: string;
  /** Absent where a process does not see it: in a router or a node. */
  readonly surface?: Surface;
  /** Who answered, of several the last; absent when nobody did. */
  readonly nodeId?: string | undefined;
  /** The nodes that were asked, in order, where a process chooses them. */
  readonly attempts?: readonly string[];
  /** The nodes that took the answer over after it had begun to show, in order. */
  readonly continuedOn?: readonly string[] | undefined;
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

/** Is told of each generation of a process once, when it has ended, on whichever surface. Must not wait. */
export type OnGenerationEnd = (record: GenerationRecord) => void;

/** What the generation itself says of a record. */
export const describeGeneration = ({ id, model, caller }: Generation) => ({
  requestId: caller?.requestId ?? "",
  generationId: id,
  model,
  userId: caller?.userId ?? "",
  keyId: caller?.keyId ?? "",
  projectId: caller?.projectId ?? "",
});

/** Tells all of these, in order. One that fails is a bug, which is logged and keeps it from none of the others. */
export const tellAll =
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

/**
 * Writes the one line of a log for each generation. Failures that are the mesh's own are warnings; those that the
 * caller caused, and everything else, are information. As a detail, where another service of the process logs the
 * same generation, each is a debug line.
 */
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
        queued_ms: round(record.queuedMs),
        first_token_ms: round(record.firstTokenMs),
        duration_ms: round(record.durationMs),
      },
      failed ? "generation failed" : "generation finished",
    );
  };

/** OpenAI's word for a reason: `stop`, `length`, `tool_calls` or `content_filter`. */
function finishName(reason: FinishReason): string {
  const value = FinishReasonSchema.values.find(({ number }) => number === reason);
  return value === undefined ? String(reason) : value.localName.toLowerCase();
}

const orNothing = (text: string): string | undefined => (text === "" ? undefined : text);

const round = (ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : Math.round(ms * 10) / 10;
