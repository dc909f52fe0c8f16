import { z } from "zod";
import type { TokenLogprob } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ChoiceCollector } from "../../answers/choices.ts";
import * as wire from "../../answers/wire.ts";
import type { ChatRequest } from "../request/index.ts";

const calledFunction = z.object({
  name: z.string(),
  arguments: z.string().describe("JSON as the model generated it, which may be invalid."),
});

/** A piece of a call: the first carries the name, all of them arguments. */
const calledPiece = z.object({ name: z.string().optional(), arguments: z.string() });

const logprobs = z.object({ content: z.array(wire.tokenLogprob), refusal: z.null() });

const reasoning = {
  reasoning: z.string().optional().describe("The model's reasoning. The same as `reasoning_content`."),
  reasoning_content: z.string().optional(),
};

const choice = z.object({
  index: wire.count,
  message: z.object({
    role: z.literal("assistant"),
    content: z.string().nullable(),
    refusal: z.null(),
    annotations: z.array(z.unknown()).max(0),
    ...reasoning,
    tool_calls: z
      .array(z.object({ id: z.string(), type: z.literal("function"), function: calledFunction }))
      .optional(),
    function_call: calledFunction.optional(),
  }),
  logprobs: logprobs.nullable(),
  finish_reason: wire.finishReason,
});

export const chatCompletion = z.object({
  id: z.string(),
  object: z.literal("chat.completion"),
  created: wire.unixSeconds,
  model: z.string(),
  choices: z.array(choice),
  usage: wire.usage,
  service_tier: wire.tier,
  system_fingerprint: wire.fingerprint,
});

export const chatCompletionChunk = z.object({
  id: z.string(),
  object: z.literal("chat.completion.chunk"),
  created: wire.unixSeconds,
  model: z.string(),
  service_tier: wire.tier,
  system_fingerprint: wire.fingerprint,
  choices: z.array(
    z.object({
      index: wire.count,
      delta: z.object({
        role: z.literal("assistant").optional(),
        content: z.string().optional(),
        refusal: z.null().optional(),
        ...reasoning,
        tool_calls: z
          .array(
            z.object({
              index: wire.count,
              id: z.string().optional(),
              type: z.literal("function").optional(),
              function: calledPiece,
            }),
          )
          .optional(),
        function_call: calledPiece.optional(),
      }),
      logprobs: logprobs.nullable(),
      finish_reason: wire.finishReason.nullable(),
    }),
  ),
  usage: wire.chunkUsage,
});

type Completion = wire.Described<typeof chatCompletion>;

/** The completion object as JSON text. */
export function toCompletion(
  head: wire.AnswerHead,
  request: ChatRequest,
  choices: readonly ChoiceCollector[],
): string {
  const { generation, legacyFunctions } = request;
  const completion: Completion = {
    id: head.id,
    object: "chat.completion",
    created: head.created,
    model: head.model,
    choices: choices.map((choice, index) => ({
      index,
      message: toMessage(choice, request),
      logprobs: generation.logprobs === undefined ? null : toLogprobs(choice.logprobs),
      finish_reason: wire.toFinishReason(choice.reason, legacyFunctions),
    })),
    usage: wire.toUsage(choices.map(({ usage }) => usage)),
    service_tier: wire.serviceTier,
    system_fingerprint: wire.toFingerprint(choices[0]?.fingerprint ?? ""),
  };
  return JSON.stringify(completion);
}

function toMessage(
  { text, reasoning: generated, calls }: ChoiceCollector,
  { includeReasoning, legacyFunctions }: ChatRequest,
): Completion["choices"][number]["message"] {
  const [call] = calls;
  const reasoning = (includeReasoning && generated) || undefined;
  return {
    role: "assistant",
    content: text === "" && call !== undefined ? null : text,
    refusal: null,
    annotations: [],
    // Clients read one name or the other. JSON leaves out what is undefined.
    reasoning,
    reasoning_content: reasoning,
    tool_calls:
      call === undefined || legacyFunctions
        ? undefined
        : calls.map((one) => ({ id: one.id, type: "function", function: one.function })),
    function_call: legacyFunctions ? call?.function : undefined,
  };
}

/** Log probabilities of a choice or of one chunk. */
export const toLogprobs = (tokens: readonly TokenLogprob[]): wire.Described<typeof logprobs> => ({
  content: tokens.map(wire.toTokenLogprob),
  refusal: null,
});
