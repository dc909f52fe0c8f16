import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { Generation } from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { thinkingMarks } from "../answer/thinking.ts";
import type { ChatTemplate } from "./chat-template.ts";
import { templateVariables } from "./template-variables.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { type ToolUse, toTurnTool } from "./tools.ts";
import { toTurns } from "./turns.ts";

/** What the model reads before it answers. */
export interface Prompt {
  readonly tokens: number[];
  /** True when the template has already opened the model's thoughts: the answer begins inside of them. */
  readonly inThought: boolean;
}

/** Makes the prompt of a generation. Throws `invalid_request` when it cannot be made. */
export function toPrompt(
  generation: Generation,
  tools: ToolUse,
  template: ChatTemplate,
  tokenizer: Tokenizer,
): Prompt {
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
  return {
    tokens: tokenizer.encode(rendered, mask),
    inThought: rendered.trimEnd().endsWith(thinkingMarks.begin),
  };
}
