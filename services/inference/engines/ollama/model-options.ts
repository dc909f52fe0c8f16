import type { Generation } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { parseCallerObject } from "../text/caller-json.ts";
import { toCommonSampling } from "../upstream/sampling.ts";
import type { ChatRequest } from "./api.ts";
import { invalid } from "./failures.ts";
import type { KnownModel } from "./served-model.ts";
import { firstWithMaxThinking, firstWithPenalties, isAtLeast } from "./version.ts";

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
  const wanted = Object.entries(sampling === undefined ? {} : toCommonSampling(sampling));
  return {
    num_ctx: served.contextLength,
    num_predict: limits?.maxTokens ?? -1,
    ...Object.fromEntries(wanted.filter((entry): entry is [string, number] => entry[1] !== undefined)),
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

/**
 * Ollama's `think`; undefined leaves it to the model. Models that cannot reason only take `false`, and a continued
 * answer has its reasoning behind it. gpt-oss always reasons: with `false` it is held to a form before its reasoning
 * is over and answers nothing (server/routes.go, forceImmediate), so it gets the lowest level.
 */
export function toThink(
  { reasoning, chatTemplateKwargsJson, resume }: Generation,
  { thinks, takesLevels, alwaysThinks, version }: KnownModel,
): ChatRequest["think"] {
  const enabled = reasoning?.enabled ?? templateWish(chatTemplateKwargsJson);
  const effort = reasoning?.effort ?? "";
  if (enabled === false || effort === "none" || resume?.text) return alwaysThinks ? "low" : false;
  if (!thinks) return undefined;
  const level = levels[effort];
  if (level !== undefined && !takesLevels) return true;
  if (level === "max") return isAtLeast(version, firstWithMaxThinking) ? "max" : "high";
  return level ?? enabled;
}

const levels: Readonly<Record<string, "low" | "medium" | "high" | "max">> = {
  minimal: "low",
  low: "low",
  medium: "medium",
  high: "high",
  xhigh: "high",
  max: "max",
};

/** The template variables about reasoning, the only ones that Ollama accepts. */
function templateWish(json: string): boolean | undefined {
  const variables = Object.entries(json === "" ? {} : (parseCallerObject(json) ?? {}));
  let wish: boolean | undefined;
  for (const [name, value] of variables)
    if (thinkingVariables.has(name) && typeof value === "boolean") wish = value;
    else if (!foreignVariables.has(name))
      throw invalid(
        "chat_template_kwargs",
        `This engine takes no template variable \`${name.slice(0, 64)}\`, only \`enable_thinking\`.`,
      );
  return wish;
}

const thinkingVariables = new Set(["enable_thinking", "thinking"]);

/** For other engines. */
const foreignVariables = new Set(["synthetic"]);
