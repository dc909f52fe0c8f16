import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { Generation, RawPrompt } from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { parseCallerObject } from "../../text/caller-json.ts";
import type { CallableTool, ToolUse } from "../../tools/tool-use.ts";
import { reasoningTags } from "../answer/pieces.ts";
import type { LoadedModel } from "../load-model.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { type TurnTool, toTurns } from "./turns.ts";

/** The input of the model. */
export interface Prompt {
  readonly tokens: number[];
  /** True when the template has opened reasoning: the answer starts inside it. */
  readonly inReasoning: boolean;
}

/** Renders the prompt up to the answer. Throws `invalid_request` if the template rejects the conversation. */
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

/** The text that an answer continues, as part of its prompt. */
export interface PartialText {
  readonly tokens: readonly number[];
  /** The tokens that the model reads: all but the last word's. */
  readonly kept: readonly number[];
  /** The last word in UTF-8, with the space before it; the model regenerates it (`TokenHealing`). */
  readonly lastWord: Uint8Array;
}

/** The text that an answer continues; empty where it starts, or resumes from tokens. */
export const partialTextOf = ({ resume }: Generation): string =>
  resume === undefined || resume.tokenIds.length > 0 ? "" : resume.text;

/** Tokenizes a text after the prompt, and drops its last word where possible. `constrained`: by a grammar. */
export function toPartialText(
  text: string,
  asked: readonly number[],
  constrained: boolean,
  model: Pick<LoadedModel, "tokenizer" | "vocabulary" | "contextLength">,
): PartialText {
  const begins = !constrained && model.tokenizer.begins(asked.at(-1));
  const tokens = text === "" ? [] : model.tokenizer.encodeAnswer(text, begins);
  const bytes = tokens.map((token) => model.vocabulary.bytesOf(token));
  const kept = lastWordAt(bytes);
  const lastWord = Buffer.concat(bytes.slice(kept));
  // Unknown characters cannot be regenerated; and each byte of a word may take a token.
  const isKnown = Buffer.concat(bytes).toString().endsWith(text);
  const fits = asked.length + tokens.length + lastWord.length < model.contextLength;
  if (isKnown && fits) return { tokens, kept: tokens.slice(0, kept), lastWord };
  return { tokens, kept: tokens, lastWord: new Uint8Array(0) };
}

/** Index of the token that starts the last word; text without spaces is split at a character. */
function lastWordAt(tokens: readonly Uint8Array[]): number {
  let length = 0;
  for (let index = tokens.length - 1; index > 0; index--) {
    const [first = 0] = tokens[index]!;
    length += tokens[index]!.length;
    const isCharacter = (first & 0xc0) !== 0x80;
    if (isCharacter && (first <= 0x20 || length >= longWordBytes)) return index;
  }
  return 0;
}

const longWordBytes = 48;
