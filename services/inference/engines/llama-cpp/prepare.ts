import { MeshError } from "../../../../core/errors/mesh-error.ts";
import type { Generation } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { readToolUse, type ToolUse } from "../tools/tool-use.ts";
import type { AnswerReaderOptions } from "./answer/answer-reader.ts";
import { type AnswerPlan, planAnswer } from "./answer-plan.ts";
import type { LoadedModel } from "./load-model.ts";
import type { Sliced } from "./prompt/in-slices.ts";
import { checkSizes, type PartialText, partialTextOf, toPartialText, toPrompt } from "./prompt/prompt.ts";
import { checkTokens, contextLimit } from "./prompt/token-limit.ts";
import { type TokenRule, toTokenRule } from "./sampling.ts";
import { TokenType } from "./vocabulary.ts";

/** A generation after its checks. */
export interface PreparedGeneration {
  /** Prompt, and the text that the answer continues, without its last word. */
  readonly prompt: readonly number[];
  /** Tokens to report for the prompt: all of that text is part of it. */
  readonly promptTokens: number;
  readonly partial: PartialText;
  /** Tokens that another engine has delivered. */
  readonly resumed: readonly number[];
  /** Limit on the answer's tokens, those included. */
  readonly maxTokens: number;
  readonly rule: TokenRule;
  readonly plan: AnswerPlan;
  readonly reading: AnswerReaderOptions;
  /** Alternatives per token; undefined without log probabilities. */
  readonly alternatives: number | undefined;
}

/** Checks a generation before it holds anything. Throws `invalid_request` for what the model cannot do. */
export function* prepare(generation: Generation, model: LoadedModel): Sliced<PreparedGeneration> {
  checkSizes(generation, model);
  const tools = readToolUse(generation);
  yield;
  const { tokens: asked, inReasoning } = yield* toPrompt(generation, tools, model);
  const text = partialTextOf(generation);
  const isRaw = generation.rawPrompt !== undefined;
  const limit = contextLimit(model.contextLength, isRaw ? "prompt" : "messages");
  if (asked.length === 0) throw noTokens(limit.param);
  checkTokens(asked.length, limit);
  const mayReason = model.reasons && !isRaw && text === "";
  const thinking = inReasoning ? "opened" : mayReason ? "possible" : "never";
  const toolCallFormat = tools.mode === "none" ? undefined : model.toolCallFormat;
  const plan = yield* planAnswer(generation, tools, toolCallFormat, thinking);
  yield;
  const partial = yield* toPartialText(text, asked, plan.answer !== undefined, model);
  const promptTokens = asked.length + partial.tokens.length;
  checkTokens(promptTokens, limit);
  const maxTokens = generation.limits?.maxTokens ?? Number.POSITIVE_INFINITY;
  const forced = tools.mode === "required";
  return {
    prompt: [...asked, ...partial.kept],
    promptTokens,
    partial,
    resumed: checkResumed(generation, model),
    maxTokens: Math.min(maxTokens, model.contextLength - promptTokens - partial.lastWord.length),
    rule: toTokenRule(generation, model.vocabulary.size, bannedTokens(plan, tools, model)),
    plan,
    reading: {
      thinking,
      stops: generation.limits?.stop ?? [],
      toolCallFormat,
      continuesText: text.trim() !== "",
      callable: new Set(tools.callable.map(({ name }) => name)),
      maxCalls: tools.maxCalls,
      // A bare object is certainly a call only if the grammar allows nothing else.
      trusted: forced || (plan.answer !== undefined && toolCallFormat?.bare !== true),
      forced,
    },
    alternatives: generation.logprobs === undefined ? undefined : Math.min(20, generation.logprobs.top),
  };
}

const noTokens = (param: string): MeshError =>
  new MeshError("invalid_request", `The ${param} came to no tokens at all. Write something.`, { param });

function checkResumed(generation: Generation, { vocabulary, native }: LoadedModel): readonly number[] {
  const tokens = generation.resume?.tokenIds ?? [];
  if (tokens.some((token) => token >= vocabulary.size || native.isEnd(token)))
    throw new MeshError("engine_failed", "The answer to continue does not consist of this model's tokens.");
  return tokens;
}

/** Tokens that would break the format: textless ones, which may satisfy a grammar, and openers of forbidden calls. */
function bannedTokens(plan: AnswerPlan, tools: ToolUse, model: LoadedModel): number[] {
  const { native, vocabulary, toolCallFormat } = model;
  const isHeld = plan.answer !== undefined || plan.call !== undefined;
  const controls = isHeld ? vocabulary.ofType(TokenType.control) : [];
  const textless = controls.filter((token) => vocabulary.bytesOf(token).length === 0 && !native.isEnd(token));
  const openers = tools.forbidden ? (toolCallFormat?.openers ?? []) : [];
  return [...textless, ...openers.flatMap((opener) => vocabulary.special(opener) ?? [])];
}
