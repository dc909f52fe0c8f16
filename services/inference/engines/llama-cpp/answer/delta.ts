import type {
  GenerationEvent,
  TokenLogprob,
  ToolCallDelta,
} from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";

/** What one delta shows. */
export interface DeltaParts {
  text: string;
  reasoning: string;
  readonly toolCalls: ToolCallDelta[];
  readonly tokenIds: number[];
  readonly logprobs: TokenLogprob[];
}

/** An event with more of an answer; a literal, because one is made per token. */
export const deltaEvent = (parts: DeltaParts): GenerationEvent => ({
  $typeName: "cxmpute.generation.v1.GenerationEvent",
  event: { case: "delta", value: { $typeName: "cxmpute.generation.v1.Delta", ...parts } },
});

/** A piece of a tool call. Only the first of an index has id and name. */
export const toolCallDelta = (
  index: number,
  id: string,
  name: string,
  argumentsJson: string,
): ToolCallDelta => ({
  $typeName: "cxmpute.generation.v1.ToolCallDelta",
  index,
  id,
  name,
  argumentsJson,
});
