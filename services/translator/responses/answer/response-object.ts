import { z } from "zod";
import { internalMessage, type MeshError } from "../../../../core/errors/mesh-error.ts";
import { FinishReason, type Usage } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { anyRecord, count, type Described, serviceTier, tier, unixSeconds } from "../../answers/wire.ts";
import { logprobs, outputItem, outputText, reasoningText, summaryText } from "../items.ts";
import type { ResponseSettings } from "../request/index.ts";
import { isIncomplete, type Output } from "./output.ts";

export const response = z.object({
  id: z.string(),
  object: z.literal("response"),
  created_at: unixSeconds,
  status: z.enum(["in_progress", "completed", "incomplete", "failed"]),
  background: z.literal(false),
  completed_at: unixSeconds.nullable(),
  error: z.object({ code: z.enum(["rate_limit_exceeded", "server_error"]), message: z.string() }).nullable(),
  incomplete_details: z.object({ reason: z.enum(["max_output_tokens", "content_filter"]) }).nullable(),
  instructions: z.string().nullable(),
  max_output_tokens: count.nullable(),
  max_tool_calls: count.nullable(),
  model: z.string(),
  parallel_tool_calls: z.boolean(),
  previous_response_id: z.string().nullable(),
  prompt_cache_key: z.string().nullable(),
  reasoning: z.object({ effort: z.string().nullable(), summary: z.string().nullable() }),
  safety_identifier: z.string().nullable(),
  store: z.boolean(),
  temperature: z.number(),
  text: z.object({
    format: anyRecord.describe("As in the request."),
    verbosity: z.enum(["low", "medium", "high"]),
  }),
  tool_choice: z.union([z.string(), anyRecord]).describe("As in the request."),
  tools: z.array(
    z.object({
      type: z.string(),
      description: z.string().nullable(),
      name: z.string().optional(),
      parameters: anyRecord.nullable(),
      strict: z.boolean(),
    }),
  ),
  top_logprobs: count,
  top_p: z.number().nullable(),
  truncation: z.enum(["auto", "disabled"]),
  output: z.array(outputItem),
  service_tier: tier,
  usage: z
    .object({
      input_tokens: count,
      input_tokens_details: z.object({ cached_tokens: count, cache_write_tokens: count }),
      output_tokens: count,
      output_tokens_details: z.object({ reasoning_tokens: count }),
      total_tokens: count,
    })
    .nullable(),
  user: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
});

export type ResponseObject = Described<typeof response>;

const ofItem = { item_id: z.string(), output_index: count };
const ofContent = { ...ofItem, content_index: count };
const ofSummary = { ...ofItem, summary_index: count };

const wholeResponse = { response };
const wholeItem = { output_index: count, item: outputItem };
const contentPart = { ...ofContent, part: z.union([outputText, reasoningText]) };
const summaryPart = { ...ofSummary, part: summaryText };
const text = { text: z.string() };
const delta = { delta: z.string() };

/** The fields of each event, by type, besides type and number. */
const events = {
  "response.created": wholeResponse,
  "response.in_progress": wholeResponse,
  "response.output_item.added": wholeItem,
  "response.content_part.added": contentPart,
  "response.output_text.delta": { ...ofContent, ...delta, logprobs },
  "response.output_text.done": { ...ofContent, ...text, logprobs },
  "response.reasoning_text.delta": { ...ofContent, ...delta },
  "response.reasoning_text.done": { ...ofContent, ...text },
  "response.content_part.done": contentPart,
  "response.reasoning_summary_part.added": summaryPart,
  "response.reasoning_summary_text.delta": { ...ofSummary, ...delta },
  "response.reasoning_summary_text.done": { ...ofSummary, ...text },
  "response.reasoning_summary_part.done": summaryPart,
  "response.function_call_arguments.delta": { ...ofItem, ...delta },
  "response.function_call_arguments.done": { ...ofItem, name: z.string(), arguments: z.string() },
  "response.output_item.done": wholeItem,
  "response.completed": wholeResponse,
  "response.incomplete": wholeResponse,
  "response.failed": wholeResponse,
};

export const responseStreamEvent = z.union(
  Object.entries(events).map(([type, more]) =>
    z.object({ type: z.literal(type), sequence_number: count, ...more }),
  ),
);

/** The part of a response that does not change. */
export interface ResponseHead {
  readonly id: string;
  /** Seconds since 1970. */
  readonly createdAt: number;
  readonly settings: ResponseSettings;
}

type ResponseState = Pick<ResponseObject, "status"> &
  Partial<Pick<ResponseObject, "completed_at" | "error" | "incomplete_details" | "output" | "usage">>;

function toResponse({ id, createdAt, settings }: ResponseHead, state: ResponseState): ResponseObject {
  const { user, metadata, ...rest } = settings;
  return {
    id,
    object: "response",
    created_at: createdAt,
    status: state.status,
    background: false,
    completed_at: state.completed_at ?? null,
    error: state.error ?? null,
    incomplete_details: state.incomplete_details ?? null,
    ...rest,
    output: state.output ?? [],
    service_tier: serviceTier,
    usage: state.usage ?? null,
    user,
    metadata,
  };
}

export const toStartedResponse = (head: ResponseHead): ResponseObject =>
  toResponse(head, { status: "in_progress" });

/** A response that has ended, possibly at a limit; `now` is in seconds since 1970. */
export function toEndedResponse(
  head: ResponseHead,
  { items, reason, usage }: Output,
  now: number,
): ResponseObject {
  const state = { output: items, usage: toUsage(usage) };
  if (!isIncomplete(reason)) return toResponse(head, { ...state, status: "completed", completed_at: now });
  const why = reason === FinishReason.CONTENT_FILTER ? "content_filter" : "max_output_tokens";
  return toResponse(head, { ...state, status: "incomplete", incomplete_details: { reason: why } });
}

export const toFailedResponse = (head: ResponseHead, { items }: Output, error: MeshError): ResponseObject =>
  toResponse(head, { status: "failed", output: items, error: toResponseError(error) });

/** OpenAI has few codes here; everything but a rate limit is a server error. */
function toResponseError({ kind, row, message }: MeshError): ResponseObject["error"] {
  return {
    code: row.http === 429 ? "rate_limit_exceeded" : "server_error",
    message: kind === "internal" ? internalMessage : message,
  };
}

function toUsage(usage: Usage | undefined): ResponseObject["usage"] {
  const { promptTokens = 0, completionTokens = 0, cachedTokens = 0, reasoningTokens = 0 } = usage ?? {};
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: cachedTokens, cache_write_tokens: 0 },
    output_tokens: completionTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: promptTokens + completionTokens,
  };
}
