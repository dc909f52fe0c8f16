import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import {
  type Generation,
  type RawPrompt,
  Role,
} from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { parseCallerObject } from "../../text/caller-json.ts";
import type { CallableTool, ToolUse } from "../../tools/tool-use.ts";
import { reasoningTags } from "../answer/pieces.ts";
import type { LoadedModel } from "../load-model.ts";
import type { Sliced } from "./in-slices.ts";
import { checkLeastTokens, checkTokens, contextLimit, type TokenLimit } from "./token-limit.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { type TurnTool, toTurns } from "./turns.ts";

/** The input of the model. */
export interface Prompt {
  readonly tokens: number[];
  /** True when the template has opened reasoning: the answer starts inside it. */
  readonly inReasoning: boolean;
}

/**
 * Renders the prompt up to the answer. Throws `invalid_request` if the template rejects the conversation, or the
 * prompt does not fit the context.
 */
export function* toPrompt(
  generation: Generation,
  tools: ToolUse,
  { template, tokenizer, contextLength }: Pick<LoadedModel, "template" | "tokenizer" | "contextLength">,
): Sliced<Prompt> {
  if (generation.rawPrompt !== undefined) {
    const limit = contextLimit(contextLength, "prompt");
    return { tokens: yield* toRawTokens(generation.rawPrompt, tokenizer, limit), inReasoning: false };
  }
  const limit = contextLimit(contextLength, "messages");
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
    return { tokens: yield* tokenizer.encode(yield* tokenizer.split(rendered, mask), limit), inReasoning };
  // As templates render an answer without reasoning.
  const closed = `${rendered.trimEnd()}\n\n${reasoningTags.end}\n\n`;
  return { tokens: yield* tokenizer.encode(yield* tokenizer.split(closed, mask), limit), inReasoning: false };
}

/**
 * Refuses before anything is parsed or rendered what cannot fit: messages of the user, which templates show in full,
 * and far too much of all else, of which they may leave out some. Throws `invalid_request`.
 */
export function checkSizes(
  { messages, tools }: Generation,
  { tokenizer, contextLength }: Pick<LoadedModel, "tokenizer" | "contextLength">,
): void {
  const limit = contextLimit(contextLength, "messages");
  // Each takes a token at least.
  checkLeastTokens(messages.length, limit);
  let [shown, all] = [0, 0];
  const count = (text: string) => tokenizer.leastTokens(text, unshownShare * limit.most);
  for (const { role, parts } of messages)
    for (const { part } of parts) {
      const tokens = part.case === "text" ? count(part.value) : 0;
      if (role === Role.USER) shown += tokens;
      all += tokens;
      checkLeastTokens(shown, limit);
    }
  for (const { parametersJson } of tools) all += count(parametersJson);
  if (all > unshownShare * limit.most)
    throw limit.fault(`with their 'tools' are more than ${unshownShare} times as long`);
}

/** Special tokens spelled out are meant: a raw prompt contains its own template. */
function* toRawTokens({ prompt }: RawPrompt, tokenizer: Tokenizer, limit: TokenLimit): Sliced<number[]> {
  if (prompt.case === "text")
    return yield* tokenizer.encode(yield* tokenizer.split(prompt.value, tokenizer.createMask()), limit);
  const ids = prompt.value?.ids ?? [];
  checkTokens(ids.length, limit);
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
export function* toPartialText(
  text: string,
  asked: readonly number[],
  constrained: boolean,
  model: Pick<LoadedModel, "tokenizer" | "vocabulary" | "contextLength">,
): Sliced<PartialText> {
  const begins = !constrained && model.tokenizer.begins(asked.at(-1));
  const limit = contextLimit(model.contextLength, "messages", { before: asked.length });
  const tokens = text === "" ? [] : yield* model.tokenizer.encodeAnswer(text, begins, limit);
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
/** How often text may exceed the context that a template may leave out in part, such as reasoning in old answers. */
const unshownShare = 8;
