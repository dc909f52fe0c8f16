import { MeshError } from "../../core/errors/mesh-error.ts";
import type {
  EmbeddingRequest,
  Generation,
  RawPrompt,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";

/**
 * Throws `invalid_request` at a generation's first fault. Translators have checked theirs already; internal clients
 * have nobody else, and a number out of range would otherwise fail differently on every engine.
 */
export function checkGeneration(generation: Generation): void {
  const { model, messages, rawPrompt, embedding, tools, toolChoice, sampling, limits, logprobs } = generation;
  if (model === "") throw fault("model", null, "you must provide a model parameter");
  if (embedding !== undefined) checkEmbedding(generation, embedding);
  else if (rawPrompt !== undefined) checkRawPrompt(generation, rawPrompt);
  else if (messages.length === 0)
    throw fault(
      "messages",
      "empty_array",
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
    );
  checkNumber("decimal", "temperature", sampling?.temperature, 0, 2);
  checkNumber("decimal", "top_p", sampling?.topP, 0, 1);
  checkNumber("decimal", "min_p", sampling?.minP, 0, 1);
  checkNumber("decimal", "frequency_penalty", sampling?.frequencyPenalty, -2, 2);
  checkNumber("decimal", "presence_penalty", sampling?.presencePenalty, -2, 2);
  checkNumber(
    "decimal",
    "repetition_penalty",
    sampling?.repetitionPenalty,
    Number.MIN_VALUE,
    Number.MAX_VALUE,
  );
  for (const [token, bias] of Object.entries(sampling?.logitBias ?? {}))
    checkNumber("decimal", `logit_bias.${token}`, bias, -100, 100);
  checkNumber("integer", "max_tokens", limits?.maxTokens, 1, 0xffff_ffff);
  checkNumber("integer", "timeout_ms", limits?.timeoutMs, 1, 0xffff_ffff);
  checkNumber("integer", "top_logprobs", logprobs?.top, 0, 20);
  if (limits !== undefined && limits.stop.length > 4)
    throw fault(
      "stop",
      "array_above_max_length",
      `Invalid 'stop': array too long. Expected an array with maximum length 4, but got ${limits.stop.length} instead.`,
    );
  const names = new Set(tools.map(({ name }) => name));
  if (names.size < tools.length)
    throw fault("tools", "invalid_value", "Invalid 'tools': two tools have the same name.");
  for (const name of toolChoice?.allowedNames ?? [])
    if (!names.has(name))
      throw fault(
        "tool_choice",
        "invalid_value",
        "Invalid 'tool_choice': it names a tool that is not in 'tools'.",
      );
}

/** A raw prompt has something in it, and stands alone: what else makes up a prompt would never be read. */
function checkRawPrompt({ messages, tools, reasoning }: Generation, { prompt }: RawPrompt): void {
  if (isEmpty(prompt)) throw fault("prompt", "empty_string", "Invalid 'prompt': it is empty.");
  const beside = messages.length > 0 ? "messages" : tools.length > 0 ? "tools" : undefined;
  if (beside !== undefined || reasoning !== undefined)
    throw fault(
      "prompt",
      "invalid_value",
      `Invalid 'prompt': a raw prompt cannot be used together with '${beside ?? "reasoning"}'.`,
    );
}

/** Texts to embed are all that such a generation has. */
function checkEmbedding({ messages, rawPrompt, tools }: Generation, { inputs }: EmbeddingRequest): void {
  if (inputs.length === 0) throw fault("input", "empty_array", "Invalid 'input': empty array.");
  if (inputs.some(({ prompt }) => isEmpty(prompt)))
    throw fault("input", "empty_string", "Invalid 'input': one of the inputs is empty.");
  if (messages.length > 0 || rawPrompt !== undefined || tools.length > 0)
    throw fault("input", "invalid_value", "Invalid 'input': embeddings are asked for by nothing else.");
}

const isEmpty = (prompt: RawPrompt["prompt"]): boolean =>
  (prompt.case === "tokens" ? prompt.value.ids.length : (prompt.value?.length ?? 0)) === 0;

/** Takes an absent number; refuses NaN. */
function checkNumber(
  kind: "integer" | "decimal",
  param: string,
  value: number | undefined,
  least: number,
  most: number,
): void {
  if (value === undefined || (value >= least && value <= most)) return;
  const [side, words, sign, bound] =
    value > most ? ["above_max", "above maximum", "<=", most] : ["below_min", "below minimum", ">=", least];
  throw fault(
    param,
    `${kind}_${side}_value`,
    `Invalid '${param}': ${kind} ${words} value. Expected a value ${sign} ${bound}, but got ${value} instead.`,
  );
}

function fault(param: string, code: string | null, message: string): MeshError {
  return new MeshError("invalid_request", message, { param, ...(code === null ? {} : { code }) });
}
