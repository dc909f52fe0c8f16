import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { Generation, RawPrompt } from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { parseCallerObject } from "../../text/caller-json.ts";
import type { CallableTool, ToolUse } from "../../tools/tool-use.ts";
import { reasoningTags } from "../answer/pieces.ts";
import type { LoadedModel } from "../load-model.ts";
import { partialTextOf } from "./partial-text.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { type TurnTool, toTurns } from "./turns.ts";

/** The input of the model. */
export interface Prompt {
  readonly tokens: number[];
  /** True when the template has opened reasoning: the answer starts inside it. */
  readonly inReasoning: boolean;
}

/**
 * Renders the prompt of a generation, up to where the answer begins. Reasoning that the template opened is
 * closed when text follows. Throws `invalid_request` when the template rejects the conversation.
 */
export function toPrompt(
  generation: Generation,
  tools: ToolUse,
  { template, tokenizer }: Pick<LoadedModel, "template" | "tokenizer">,
): Prompt {
  if (generation.rawPrompt !== undefined)
    return { tokens: toRawTokens(generation.rawPrompt, tokenizer), inReasoning: false };
  const mask = tokenizer.createMask();
  const turns = mask.hide(toTurns(generation));
  const shown = mask.hide(tools.offered.map(toTurnTool));
  const variables = mask.hide(templateVariables(generation));
  let rendered: string;
  try {
    rendered = template.render({ turns, tools: shown, variables });
  } catch {
    // The template's error may quote the conversation.
    throw new MeshError(
      "invalid_request",
      "The chat template of this model refuses this conversation. Begin with a user message and let user and assistant take turns.",
      { param: "messages" },
    );
  }
  const inReasoning = rendered.trimEnd().endsWith(reasoningTags.begin);
  if (!inReasoning || partialTextOf(generation) === "")
    return { tokens: tokenizer.encode(rendered, mask), inReasoning };
  // As templates render an answer without reasoning.
  const closed = `${rendered.trimEnd()}\n\n${reasoningTags.end}\n\n`;
  return { tokens: tokenizer.encode(closed, mask), inReasoning: false };
}

/** Special tokens spelled out are meant: a raw prompt contains its own template. */
function toRawTokens({ prompt }: RawPrompt, tokenizer: Tokenizer): number[] {
  if (prompt.case === "text") return tokenizer.encode(prompt.value, tokenizer.createMask());
  const ids = prompt.value?.ids ?? [];
  const foreign = ids.find((id) => !tokenizer.knows(id));
  if (foreign !== undefined)
    throw new MeshError("invalid_request", `Invalid 'prompt': ${foreign} is not a token of this model.`, {
      code: "invalid_value",
      param: "prompt",
    });
  return [...ids];
}

const toTurnTool = ({ name, description, parameters }: CallableTool): TurnTool => ({
  type: "function",
  function: { name, description, parameters: parameters ?? { type: "object", properties: {} } },
});

/** Variables of the template: for reasoning, as common templates name them, then the caller's own. */
export function templateVariables({
  reasoning,
  chatTemplateKwargsJson,
}: Generation): Record<string, unknown> {
  const { effort = "", enabled } = reasoning ?? {};
  const own = chatTemplateKwargsJson === "" ? {} : parseCallerObject(chatTemplateKwargsJson);
  if (own === undefined)
    throw new MeshError("invalid_request", "Invalid value for 'chat_template_kwargs': expected an object.", {
      param: "chat_template_kwargs",
    });
  const thinks = enabled ?? (effort === "" ? undefined : effort !== "none");
  return {
    ...(thinks === undefined ? {} : { enable_thinking: thinks, thinking: thinks }),
    ...(effort === "" ? {} : { reasoning_effort: effort }),
    ...own,
  };
}
