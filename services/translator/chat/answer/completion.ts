import { z } from "zod";
import {
  FinishReason,
  type GenerationEvent,
  type TokenLogprob,
  type ToolCallDelta,
  type Usage,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  type AnswerHead,
  chunkUsage,
  count,
  type Described,
  fingerprint,
  finishReason,
  lastFingerprint,
  serviceTier,
  tier,
  toFingerprint,
  toFinishReason,
  tokenLogprob,
  toTokenLogprob,
  toUsage,
  unixSeconds,
  usage,
} from "../../answers/wire.ts";
import { newId } from "../../http/request-context.ts";
import type { ChatRequest } from "../request/index.ts";

type Completion = Described<typeof chatCompletion>;
type Choice = Completion["choices"][number];

/** Collects one answer into a choice of the completion. */
export class ChoiceCollector {
  /** Undefined before the end. */
  usage: Usage | undefined;
  fingerprint = "";
  readonly #request: ChatRequest;
  #text = "";
  #reasoning = "";
  readonly #calls: { id: string; function: { name: string; arguments: string } }[] = [];
  readonly #logprobs: TokenLogprob[] = [];
  #reason: FinishReason = FinishReason.STOP;

  constructor(request: ChatRequest) {
    this.#request = request;
  }

  accept({ event }: GenerationEvent): undefined {
    switch (event.case) {
      case "delta": {
        const { text, reasoning, toolCalls, logprobs } = event.value;
        this.#text += text;
        this.#reasoning += reasoning;
        for (const piece of toolCalls) this.#acceptCall(piece);
        for (const logprob of logprobs) this.#logprobs.push(logprob);
        break;
      }
      case "started":
        this.fingerprint = event.value.fingerprint;
        break;
      case "finished":
        this.#reason = event.value.reason;
        this.usage = event.value.usage;
        this.fingerprint = lastFingerprint(event.value, this.fingerprint);
    }
  }

  toChoice(index: number): Choice {
    const { generation, legacyFunctions } = this.#request;
    return {
      index,
      message: this.#toMessage(),
      logprobs: generation.logprobs === undefined ? null : toLogprobs(this.#logprobs),
      finish_reason: toFinishReason(this.#reason, legacyFunctions),
    };
  }

  #toMessage(): Choice["message"] {
    const { includeReasoning, legacyFunctions } = this.#request;
    const [call] = this.#calls;
    const reasoning = (includeReasoning && this.#reasoning) || undefined;
    return {
      role: "assistant",
      content: this.#text === "" && call !== undefined ? null : this.#text,
      refusal: null,
      annotations: [],
      // Clients read one name or the other. JSON leaves out what is undefined.
      reasoning,
      reasoning_content: reasoning,
      tool_calls:
        call === undefined || legacyFunctions
          ? undefined
          : this.#calls.map((one) => ({ id: one.id, type: "function", function: one.function })),
      function_call: call !== undefined && legacyFunctions ? call.function : undefined,
    };
  }

  #acceptCall({ index, id, name, argumentsJson }: ToolCallDelta): void {
    const call = this.#calls[index];
    if (call !== undefined) call.function.arguments += argumentsJson;
    else this.#calls.push({ id: id || newId("call_"), function: { name, arguments: argumentsJson } });
  }
}

/** Log probabilities of a choice or of one chunk. */
export const toLogprobs = (tokens: readonly TokenLogprob[]): Described<typeof logprobs> => ({
  content: tokens.map(toTokenLogprob),
  refusal: null,
});

/** The completion object as JSON text. */
export function toCompletion(head: AnswerHead, choices: readonly ChoiceCollector[]): string {
  const completion: Completion = {
    id: head.id,
    object: "chat.completion",
    created: head.created,
    model: head.model,
    choices: choices.map((choice, index) => choice.toChoice(index)),
    usage: toUsage(choices.map(({ usage }) => usage)),
    service_tier: serviceTier,
    system_fingerprint: toFingerprint(choices[0]?.fingerprint ?? ""),
  };
  return JSON.stringify(completion);
}

const calledFunction = z.object({
  name: z.string(),
  arguments: z.string().describe("JSON as the model generated it, which may be invalid."),
});

/** A piece of a call: the first carries the name, all of them arguments. */
const calledPiece = z.object({ name: z.string().optional(), arguments: z.string() });

/** Log probabilities of a choice or of one chunk. */
export const logprobs = z.object({ content: z.array(tokenLogprob), refusal: z.null() });

const reasoning = {
  reasoning: z.string().optional().describe("The model's reasoning. The same as `reasoning_content`."),
  reasoning_content: z.string().optional(),
};

const choice = z.object({
  index: count,
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
  finish_reason: finishReason,
});

/** The answer as one object. */
export const chatCompletion = z.object({
  id: z.string(),
  object: z.literal("chat.completion"),
  created: unixSeconds,
  model: z.string(),
  choices: z.array(choice),
  usage,
  service_tier: tier,
  system_fingerprint: fingerprint,
});

/** One event of a stream. */
export const chatCompletionChunk = z.object({
  id: z.string(),
  object: z.literal("chat.completion.chunk"),
  created: unixSeconds,
  model: z.string(),
  service_tier: tier,
  system_fingerprint: fingerprint,
  choices: z.array(
    z.object({
      index: count,
      delta: z.object({
        role: z.literal("assistant").optional(),
        content: z.string().optional(),
        refusal: z.null().optional(),
        ...reasoning,
        tool_calls: z
          .array(
            z.object({
              index: count,
              id: z.string().optional(),
              type: z.literal("function").optional(),
              function: calledPiece,
            }),
          )
          .optional(),
        function_call: calledPiece.optional(),
      }),
      logprobs: logprobs.nullable(),
      finish_reason: finishReason.nullable(),
    }),
  ),
  usage: chunkUsage,
});
