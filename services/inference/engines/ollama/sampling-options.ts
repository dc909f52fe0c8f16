import type { Generation } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { foldSeed } from "../upstream/seed.ts";
import { invalid } from "./failures.ts";
import type { KnownModel } from "./served-model.ts";
import { firstWithPenalties, isAtLeast } from "./version.ts";

/**
 * Ollama's `options`: context, limit and sampling. What the request leaves open is the model's default, except the
 * limit: an answer may use the whole context. Stop texts are cut here: Ollama would not say which one it met, and
 * they would replace the model's own. Throws `invalid_request` for what this version would ignore.
 */
export function toOllamaOptions(
  { sampling, limits }: Generation,
  { served, version }: KnownModel,
): Record<string, number> {
  refusePassedOver(sampling, version);
  const drawn = {
    temperature: sampling?.temperature,
    top_p: sampling?.topP,
    top_k: sampling?.topK,
    min_p: sampling?.minP,
    frequency_penalty: sampling?.frequencyPenalty,
    presence_penalty: sampling?.presencePenalty,
    repeat_penalty: sampling?.repetitionPenalty,
    seed: sampling?.seed === undefined ? undefined : foldSeed(sampling.seed),
  };
  return {
    num_ctx: served.contextLength,
    num_predict: limits?.maxTokens ?? -1,
    ...Object.fromEntries(
      Object.entries(drawn).filter((entry): entry is [string, number] => entry[1] !== undefined),
    ),
  };
}

function refusePassedOver(sampling: Generation["sampling"], version: string): void {
  if (sampling === undefined || isAtLeast(version, firstWithPenalties)) return;
  const penalties = [
    { param: "frequency_penalty", value: sampling.frequencyPenalty, off: 0 },
    { param: "presence_penalty", value: sampling.presencePenalty, off: 0 },
    { param: "repetition_penalty", value: sampling.repetitionPenalty, off: 1 },
  ];
  for (const { param, value, off } of penalties)
    if (value !== undefined && value !== off)
      throw invalid(
        param,
        `The Ollama of this node (${version}) passes over penalties. Leave \`${param}\` out, or ask its provider to update to ${firstWithPenalties}.`,
      );
}
