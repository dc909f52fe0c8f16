import type {
  EmbeddingRequest,
  Generation,
  RawPrompt,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { MeshError } from "../errors/mesh-error.ts";
import { bounds, longest, mostBiases, mostMessages, mostStops, repetitionPenaltyAbove } from "./bounds.ts";

/** Throws `invalid_request`, with the field's path, at the first fault: internal clients have no other check. */
export function checkGeneration(generation: Generation): void {
  const { model, messages, rawPrompt, embedding, tools, toolChoice, sampling, limits, logprobs } = generation;
  if (model === "") throw fault("model", "it is empty");
  if (embedding !== undefined) checkEmbedding(generation, embedding);
  else if (rawPrompt !== undefined) checkRawPrompt(generation, rawPrompt);
  else if (messages.length === 0)
    throw fault("messages", "a generation needs messages, a raw prompt, or texts to embed");
  checkLength("model", model.length, longest.model, "characters");
  checkLength("messages", messages.length, mostMessages);
  const kwargs = generation.chatTemplateKwargsJson.length;
  checkLength("chat_template_kwargs_json", kwargs, longest.chatTemplateKwargs, "characters");
  checkNumber("sampling.temperature", sampling?.temperature, bounds.temperature);
  checkNumber("sampling.top_p", sampling?.topP, bounds.topP);
  checkNumber("sampling.min_p", sampling?.minP, bounds.minP);
  checkNumber("sampling.frequency_penalty", sampling?.frequencyPenalty, bounds.frequencyPenalty);
  checkNumber("sampling.presence_penalty", sampling?.presencePenalty, bounds.presencePenalty);
  const { repetitionPenalty: penalty } = sampling ?? {};
  if (penalty !== undefined && !(penalty > repetitionPenaltyAbove && penalty < Number.POSITIVE_INFINITY))
    throw fault("sampling.repetition_penalty", `expected a number above ${repetitionPenaltyAbove}`, penalty);
  const biases = Object.entries(sampling?.logitBias ?? {});
  checkLength("sampling.logit_bias", biases.length, mostBiases);
  for (const [token, bias] of biases) checkNumber(`sampling.logit_bias[${token}]`, bias, bounds.logitBias);
  checkNumber("limits.max_tokens", limits?.maxTokens, bounds.maxTokens);
  checkNumber("limits.timeout_ms", limits?.timeoutMs, bounds.timeoutMs);
  checkNumber("logprobs.top", logprobs?.top, bounds.topLogprobs);
  checkLength("limits.stop", limits?.stop.length ?? 0, mostStops);
  for (const stop of limits?.stop ?? []) checkLength("limits.stop", stop.length, longest.stop, "characters");
  const names = new Set(tools.map(({ name }) => name));
  if (names.size < tools.length) throw fault("tools", "two tools have the same name");
  if (toolChoice?.allowedNames.some((name) => !names.has(name)))
    throw fault("tool_choice.allowed_names", "it names a tool that is not among `tools`");
}

function checkRawPrompt({ messages, tools, reasoning }: Generation, { prompt }: RawPrompt): void {
  if (isEmpty(prompt)) throw fault("raw_prompt", "it is empty");
  const beside = messages.length > 0 ? "messages" : tools.length > 0 ? "tools" : undefined;
  if (beside !== undefined || reasoning !== undefined)
    throw fault("raw_prompt", `it cannot be used together with \`${beside ?? "reasoning"}\``);
}

function checkEmbedding({ messages, rawPrompt, tools }: Generation, { inputs }: EmbeddingRequest): void {
  if (inputs.length === 0) throw fault("embedding.inputs", "there is none");
  if (inputs.some(({ prompt }) => isEmpty(prompt))) throw fault("embedding.inputs", "one of them is empty");
  if (messages.length > 0 || rawPrompt !== undefined || tools.length > 0)
    throw fault("embedding", "it cannot be used together with messages, a raw prompt, or tools");
}

const isEmpty = (prompt: RawPrompt["prompt"]): boolean =>
  (prompt.case === "tokens" ? prompt.value.ids.length : (prompt.value?.length ?? 0)) === 0;

function checkLength(field: string, length: number, most: number, of = "entries"): void {
  if (length > most) throw fault(field, `expected at most ${most} ${of}`, length);
}

function checkNumber(
  field: string,
  value: number | undefined,
  [least, most]: readonly [number, number],
): void {
  if (value === undefined || (value >= least && value <= most)) return;
  throw fault(field, `expected a number from ${least} to ${most}`, value);
}

const fault = (field: string, what: string, got?: number): MeshError =>
  new MeshError(
    "invalid_request",
    `Invalid \`${field}\`: ${what}${got === undefined ? "" : `, got ${got}`}.`,
    {
      param: field,
    },
  );
