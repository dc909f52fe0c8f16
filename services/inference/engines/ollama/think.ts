import type { Generation } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ChatRequest } from "./api.ts";
import { invalid } from "./failures.ts";
import { parseObject } from "./messages.ts";
import type { KnownModel } from "./served-model.ts";
import { firstWithMaxThinking, isAtLeast } from "./version.ts";

/**
 * Ollama's `think`; undefined leaves it to the model. Models that cannot reason only take `false`, and a continued
 * answer has its reasoning behind it. gpt-oss always reasons: with `false` it is held to a form before its reasoning
 * is over and answers nothing (server/routes.go, forceImmediate), so it gets the lowest level.
 */
export function toThink(
  { reasoning, chatTemplateKwargsJson, resume }: Generation,
  { thinks, takesLevels, alwaysThinks, version }: ThinkingModel,
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

type ThinkingModel = Pick<KnownModel, "thinks" | "takesLevels" | "alwaysThinks" | "version">;

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
  const variables = Object.entries(json === "" ? {} : (parseObject(json) ?? {}));
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
