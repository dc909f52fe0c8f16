import { MeshError } from "../../../../core/errors/mesh-error.ts";
import type { Generation } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { readToolUse, type ToolUse } from "../tools/tool-use.ts";
import type { AnswerReaderOptions } from "./answer/answer-reader.ts";
import { type AnswerPlan, planAnswer } from "./answer-plan.ts";
import type { LoadedModel } from "./load-model.ts";
import { toPrompt } from "./prompt/prompt.ts";
import { toWrittenText, type WrittenText, writtenTextOf } from "./prompt/written-text.ts";
import { type TokenRule, toTokenRule } from "./sampling.ts";

/** A generation that was checked and made ready. */
export interface PreparedGeneration {
  /** With what is kept of the text at its end, where the answer goes on behind one. */
  readonly prompt: readonly number[];
  /** How many tokens the prompt counts as: all of that text is part of it. */
  readonly promptTokens: number;
  readonly written: WrittenText;
  /** Tokens of the answer that another engine has delivered. */
  readonly resumed: readonly number[];
  /** Tokens that the answer may have, those included. */
  readonly maxTokens: number;
  readonly rule: TokenRule;
  readonly plan: AnswerPlan;
  readonly reading: AnswerReaderOptions;
  /** Alternatives per token; undefined when no log probabilities are wanted. */
  readonly alternatives: number | undefined;
}

/** Checks a generation before anything is held for it. Throws `invalid_request` for whatever it cannot have. */
export function prepare(generation: Generation, model: LoadedModel): PreparedGeneration {
  const tools = readToolUse(generation);
  const { tokens: asked, inThought } = toPrompt(generation, tools, model);
  const text = writtenTextOf(generation);
  const isRaw = generation.rawPrompt !== undefined;
  const param = isRaw ? "prompt" : "messages";
  checkLength(asked.length, model.contextLength, param);
  const mayThink = model.thinks && !isRaw && text === "";
  const thinking = inThought ? "begun" : mayThink ? "possible" : "never";
  const notation = tools.mode === "none" ? undefined : model.notation;
  const plan = planAnswer(generation, tools, notation, thinking);
  const written = toWrittenText(text, asked, plan.answer !== undefined, model);
  const promptTokens = asked.length + written.tokens.length;
  checkLength(promptTokens, model.contextLength, param);
  const limit = generation.limits?.maxTokens ?? Number.POSITIVE_INFINITY;
  const forced = tools.mode === "required";
  return {
    prompt: [...asked, ...written.kept],
    promptTokens,
    written,
    resumed: checkResumed(generation, model),
    maxTokens: Math.min(limit, model.contextLength - promptTokens - written.lastWord.length),
    rule: toTokenRule(generation, model.vocabulary.size, bannedTokens(plan, tools, model)),
    plan,
    reading: {
      thinking,
      stops: generation.limits?.stop ?? [],
      notation,
      begun: text.trim() !== "",
      callable: new Set(tools.callable.map(({ name }) => name)),
      maxCalls: tools.maxCalls,
      // Of a bare object, only a grammar without any other form tells that it is a call.
      trusted: forced || (plan.answer !== undefined && notation?.bare !== true),
      forced,
    },
    alternatives: generation.logprobs === undefined ? undefined : Math.min(20, generation.logprobs.top),
  };
}

function checkLength(promptTokens: number, contextLength: number, param: "messages" | "prompt"): void {
  if (promptTokens === 0)
    throw new MeshError("invalid_request", `The ${param} came to no tokens at all. Write something.`, {
      param,
    });
  if (promptTokens >= contextLength)
    throw new MeshError(
      "invalid_request",
      `This model's maximum context length is ${contextLength} tokens. However, your ${param} resulted in ${promptTokens} tokens. Please reduce the length of the ${param}.`,
      { code: "context_length_exceeded", param },
    );
}

function checkResumed(generation: Generation, { vocabulary, tokenizer }: LoadedModel): readonly number[] {
  const tokens = generation.resume?.tokenIds ?? [];
  if (tokens.some((token) => token >= vocabulary.size || tokenizer.isEnd(token)))
    throw new MeshError("engine_failed", "The answer to continue does not consist of this model's tokens.");
  return tokens;
}

/**
 * Tokens that would break the form that an answer is held to: control tokens show no text, but a grammar takes
 * them for theirs; and where calls are forbidden, their marks.
 */
function bannedTokens(plan: AnswerPlan, tools: ToolUse, model: LoadedModel): number[] {
  const { tokenizer, vocabulary, notation } = model;
  const isHeld = plan.answer !== undefined || plan.call !== undefined;
  const controls = isHeld
    ? tokenizer.controlTokens().filter((token) => vocabulary.bytesOf(token).length === 0)
    : [];
  const openers = tools.forbidden ? (notation?.openers ?? []) : [];
  return [...controls, ...openers.flatMap((opener) => vocabulary.special(opener) ?? [])];
}
