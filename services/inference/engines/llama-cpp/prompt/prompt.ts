import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { Generation, RawPrompt } from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { parseCallerObject } from "../../text/caller-json.ts";
import type { CallableTool, ToolUse } from "../../tools/tool-use.ts";
import { thinkingMarks } from "../answer/thought-reader.ts";
import type { ChatTemplate } from "./chat-template.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { type TurnTool, toTurns } from "./turns.ts";
import { writtenTextOf } from "./written-text.ts";

/** What the model reads before it answers. */
export interface Prompt {
  readonly tokens: number[];
  /** True when the template has already opened the model's thoughts: the answer begins inside of them. */
  readonly inThought: boolean;
}

/** What a prompt is made with. */
export interface PromptParts {
  readonly template: ChatTemplate;
  readonly tokenizer: Tokenizer;
}

/**
 * Makes the prompt of a generation, up to where the answer begins; where thoughts were opened and text was written
 * behind them, up to the end of thoughts that were none. Throws `invalid_request` when it cannot be made.
 */
export function toPrompt(
  generation: Generation,
  tools: ToolUse,
  { template, tokenizer }: PromptParts,
): Prompt {
  if (generation.rawPrompt !== undefined)
    return { tokens: toRawTokens(generation.rawPrompt, tokenizer), inThought: false };
  const mask = tokenizer.createMask();
  const turns = mask.hide(toTurns(generation));
  const shown = mask.hide(tools.offered.map(toTurnTool));
  const variables = mask.hide(templateVariables(generation));
  let rendered: string;
  try {
    rendered = template.render({ turns, tools: shown, variables });
  } catch {
    // What the template says may quote the conversation.
    throw new MeshError(
      "invalid_request",
      "The chat template of this model refuses this conversation. Begin with a user message and let user and assistant take turns.",
      { param: "messages" },
    );
  }
  const opened = rendered.trimEnd();
  if (!opened.endsWith(thinkingMarks.begin))
    return { tokens: tokenizer.encode(rendered, mask), inThought: false };
  if (writtenTextOf(generation) === "") return { tokens: tokenizer.encode(rendered, mask), inThought: true };
  // As templates write it for an answer without thoughts.
  const closed = `${opened}\n\n${thinkingMarks.end}\n\n`;
  return { tokens: tokenizer.encode(closed, mask), inThought: false };
}

/** Special tokens that are written out are meant: whoever sends a raw prompt writes the template too. */
function toRawTokens({ prompt }: RawPrompt, tokenizer: Tokenizer): number[] {
  if (prompt.case === "text") return tokenizer.encode(prompt.value, tokenizer.createMask());
  const ids = prompt.value?.ids ?? [];
  const foreign = ids.find((id) => !tokenizer.knows(id));
  if (foreign !== undefined)
    throw new MeshError("invalid_request", `Invalid 'prompt': ${foreign} is no token of this model.`, {
      code: "invalid_value",
      param: "prompt",
    });
  return [...ids];
}

/** A tool in the form that templates read. */
const toTurnTool = ({ name, description, parameters }: CallableTool): TurnTool => ({
  type: "function",
  function: { name, description, parameters: parameters ?? { type: "object", properties: {} } },
});

/**
 * What a generation says to the template beside its turns: about thinking, in the words of the common templates,
 * and in its own words, which come last. Throws `invalid_request` for words that are no JSON object.
 */
export function templateVariables({
  reasoning,
  chatTemplateKwargsJson,
}: Generation): Record<string, unknown> {
  const { effort = "", enabled } = reasoning ?? {};
  const thinks = enabled ?? (effort === "" ? undefined : effort !== "none");
  return {
    ...(thinks === undefined ? {} : { enable_thinking: thinks, thinking: thinks }),
    ...(effort === "" ? {} : { reasoning_effort: effort }),
    ...(chatTemplateKwargsJson === "" ? {} : parseVariables(chatTemplateKwargsJson)),
  };
}

function parseVariables(json: string): Record<string, unknown> {
  const variables = parseCallerObject(json);
  if (variables !== undefined) return variables;
  throw new MeshError("invalid_request", "Invalid value for 'chat_template_kwargs': expected an object.", {
    param: "chat_template_kwargs",
  });
}
