import type {
  Generation,
  Limits,
  ResumePoint,
  Usage,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Delivered } from "../relay/delivery-log.ts";

/** One way in which another node can continue an answer. */
export interface ContinuationStrategy {
  /** What that node is asked for. */
  readonly generation: Generation;
  /** Whether its answer is, token for token, what the lost node would have given. */
  readonly exact: boolean;
  /** Usage of the whole answer, from what that node reports of its part. */
  readonly toUsage: (reported: Usage) => Usage;
}

/** An answer that has lost its node. */
export interface PartialAnswer {
  /** As it was asked. */
  readonly asked: Generation;
  readonly delivered: Delivered;
  /** The engine that produced all of it, by its fingerprint; empty when that is not known, or there were several. */
  readonly fingerprint: string;
}

/**
 * How an answer can be continued, best first; none when it cannot. Exactly, from its tokens, on an engine that is equal
 * to the lost one; else from its text, as well as can be; and when only reasoning was shown, by reasoning again.
 */
export function listContinuations(partial: PartialAnswer): ContinuationStrategy[] {
  const { asked, delivered, fingerprint } = partial;
  if (asked.embedding !== undefined) return [{ generation: asked, exact: false, toUsage: asIs }];
  const strategies: ContinuationStrategy[] = [];
  // Behind a text that the caller wrote, whose tokens nobody knows, ids alone say too little.
  const knowsAll = asked.resume === undefined || asked.resume.text === "" || asked.resume.tokenIds.length > 0;
  if (fingerprint !== "" && delivered.tokenIds.length > 0 && knowsAll) strategies.push(fromTokens(partial));
  if (delivered.hasToolCalls) return strategies;
  strategies.push(delivered.text === "" ? again(partial) : fromText(partial));
  return strategies;
}

/** The node counts the tokens that it is handed as its own. */
function fromTokens({
  asked,
  delivered: { tokenIds, text },
  fingerprint,
}: PartialAnswer): ContinuationStrategy {
  const resume: ResumePoint = {
    $typeName: "cxmpute.generation.v1.ResumePoint",
    tokenIds: [...(asked.resume?.tokenIds ?? []), ...tokenIds],
    text: (asked.resume?.text ?? "") + text,
    fingerprint,
    beingRead: true,
  };
  return { generation: { ...asked, resume }, exact: true, toUsage: asIs };
}

/** To the node the text is a part of the prompt. */
function fromText({ asked, delivered }: PartialAnswer): ContinuationStrategy {
  const { text, tokens, reasoningTokens } = delivered;
  const earlier = asked.resume?.tokenIds.length ?? 0;
  const resume: ResumePoint = {
    $typeName: "cxmpute.generation.v1.ResumePoint",
    tokenIds: [],
    text: (asked.resume?.text ?? "") + text,
    fingerprint: "",
    beingRead: true,
  };
  return {
    generation: { ...asked, resume, ...remaining(asked, earlier + tokens) },
    exact: false,
    toUsage: (reported) =>
      amend(reported, {
        promptTokens: Math.max(1, reported.promptTokens - earlier - (tokens - reasoningTokens)),
        completionTokens: reported.completionTokens + earlier + tokens,
        reasoningTokens: reported.reasoningTokens + reasoningTokens,
      }),
  };
}

/** Reasoning is no part of the answer: another node does its own. */
function again({ asked, delivered: { tokens, reasoningTokens } }: PartialAnswer): ContinuationStrategy {
  return {
    generation: { ...asked, ...remaining(asked, tokens) },
    exact: false,
    toUsage: (reported) =>
      amend(reported, {
        completionTokens: reported.completionTokens + tokens,
        reasoningTokens: reported.reasoningTokens + reasoningTokens,
      }),
  };
}

/** What is left of `max_tokens`: at least the one token that brings the answer to its end. */
function remaining({ limits }: Generation, tokens: number): { limits?: Limits } {
  if (limits?.maxTokens === undefined) return {};
  return { limits: { ...limits, maxTokens: Math.max(1, limits.maxTokens - tokens) } };
}

const asIs = (reported: Usage): Usage => reported;

const amend = (reported: Usage, changed: Partial<Usage>): Usage => ({ ...reported, ...changed });
