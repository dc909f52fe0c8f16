import type { Generation, ResumePoint, Usage } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { isExact } from "../generation/resume.ts";
import type { Delivered } from "./delivery-log.ts";

/** How another source can continue an answer. */
export interface ContinuationStrategy {
  readonly generation: Generation;
  /** Whether its answer is, token by token, that of the lost node. */
  readonly exact: boolean;
  /** Whether as many tokens as allowed have been delivered, so that only the end is missing. */
  readonly isComplete?: boolean;
  /** Turns the usage that the node reports into that of the whole answer. */
  readonly toUsage: (reported: Usage) => Usage;
}

/** An answer that has lost its source. */
export interface PartialAnswer {
  readonly asked: Generation;
  readonly delivered: Delivered;
  /** Fingerprint of the engine that produced all of it; empty when unknown or when there were several. */
  readonly fingerprint: string;
}

/**
 * The strategies to continue an answer, best first: from its tokens, on an engine equal to the lost one; from its text;
 * or, when only reasoning was shown, by starting again.
 */
export function listContinuations(partial: PartialAnswer): ContinuationStrategy[] {
  const { asked, delivered, fingerprint } = partial;
  if (asked.embedding !== undefined) return [{ generation: asked, exact: false, toUsage: asIs }];
  if (delivered.tokens === 0 && !delivered.hasToolCalls)
    return [{ generation: asked, exact: true, toUsage: asIs }];
  const strategies: ContinuationStrategy[] = [];
  // After a text from the caller, whose tokens are unknown, the ids are not the whole answer.
  const knowsAll = asked.resume === undefined || asked.resume.text === "" || asked.resume.tokenIds.length > 0;
  if (fingerprint !== "" && delivered.tokenIds.length > 0 && knowsAll) strategies.push(fromTokens(partial));
  if (delivered.hasToolCalls) return strategies;
  strategies.push(delivered.text === "" ? again(partial) : fromText(partial));
  return strategies;
}

/** The node counts the tokens that it resumes from as its own. */
function fromTokens({
  asked,
  delivered: { tokenIds, text },
  fingerprint,
}: PartialAnswer): ContinuationStrategy {
  const resume = resumePoint(asked, text, [...(asked.resume?.tokenIds ?? []), ...tokenIds], fingerprint);
  return { generation: { ...asked, resume }, exact: isExact(fingerprint), toUsage: asIs };
}

/** The node counts the text as part of the prompt. */
function fromText(partial: PartialAnswer): ContinuationStrategy {
  const { asked, delivered } = partial;
  const { text, tokens, reasoningTokens } = delivered;
  const earlier = asked.resume?.tokenIds.length ?? 0;
  const inPrompt = earlier + tokens - reasoningTokens;
  return afterwards(partial, { ...asked, resume: resumePoint(asked, text) }, earlier, inPrompt);
}

/** Reasoning is not part of the answer: the next node does its own. */
const again = (partial: PartialAnswer): ContinuationStrategy => afterwards(partial, partial.asked, 0, 0);

/** A strategy whose node knows nothing of the tokens before it, of which it counts `inPrompt` as its prompt's. */
function afterwards(
  { delivered: { tokens, reasoningTokens } }: PartialAnswer,
  generation: Generation,
  earlier: number,
  inPrompt: number,
): ContinuationStrategy {
  const { limits } = generation;
  const left = (limits?.maxTokens ?? Number.POSITIVE_INFINITY) - earlier - tokens;
  const isComplete = left <= 0;
  return {
    generation:
      limits?.maxTokens === undefined
        ? generation
        : { ...generation, limits: { ...limits, maxTokens: Math.max(1, left) } },
    exact: false,
    isComplete,
    toUsage: (reported) => ({
      ...reported,
      promptTokens: Math.max(1, reported.promptTokens - inPrompt),
      completionTokens: (isComplete ? 0 : reported.completionTokens) + earlier + tokens,
      reasoningTokens: (isComplete ? 0 : reported.reasoningTokens) + reasoningTokens,
    }),
  };
}

const resumePoint = (
  asked: Generation,
  text: string,
  tokenIds: number[] = [],
  fingerprint = "",
): ResumePoint => ({
  $typeName: "cxmpute.generation.v1.ResumePoint",
  tokenIds,
  text: (asked.resume?.text ?? "") + text,
  fingerprint,
  beingRead: true,
});

const asIs = (reported: Usage): Usage => reported;
