import type { Generation } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ChatRequest } from "./api.ts";
import { invalid } from "./failures.ts";
import { parseObject } from "./messages.ts";
import type { KnownModel } from "./served-model.ts";
import { firstWithMaxThinking, isAtLeast } from "./version.ts";

/**
 * Ollama's `think`: how much the model thinks before it answers; undefined leaves it to the model. To a model that
 * cannot think only `false` may be said. An answer that is continued from its text has its reasoning behind it. gpt-oss
 * cannot be kept from thinking, and with `false` it is held to a form before its reasoning is over, and answers nothing
 * (server/routes.go, forceImmediate); so it is asked to think little.
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

/** What must be known of a model. */
type ThinkingModel = Pick<KnownModel, "thinks" | "takesLevels" | "alwaysThinks" | "version">;

const levels: Readonly<Record<string, "low" | "medium" | "high" | "max">> = {
  minimal: "low",
  low: "low",
  medium: "medium",
  high: "high",
  xhigh: "high",
  max: "max",
};

/** What variables of a chat template say of thinking, the one thing of theirs that Ollama takes. */
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

/** Meant for other engines, which all but them ignore. */
const foreignVariables = new Set(["synthetic"]);
