import type { Delivered } from "../../../core/relay/delivery-log.ts";
import type {
  Generation,
  Limits,
  ResumePoint,
  Usage,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";

/** One way in which another node can go on with an answer. */
export interface Way {
  /** What that node is asked for. */
  readonly generation: Generation;
  /** Whether its answer is, token for token, what the lost node would have given. */
  readonly exact: boolean;
  /** Usage of the whole answer, from what that node will tell of its part. */
  readonly toUsage: (told: Usage) => Usage;
}

/** An answer that has lost its node. */
export interface Remains {
  /** As it was asked. */
  readonly asked: Generation;
  readonly delivered: Delivered;
  /** The engine that produced all of it, by its fingerprint; empty when that is not known, or there were several. */
  readonly fingerprint: string;
}

/**
 * How an answer can go on, best first; none when it cannot. Exactly, from its tokens, on an engine that is equal to the
 * lost one; else from its text, as well as can be; and when only thoughts were shown, by thinking anew.
 */
export function listWays(remains: Remains): Way[] {
  const { asked, delivered, fingerprint } = remains;
  if (asked.embedding !== undefined) return [{ generation: asked, exact: false, toUsage: asIs }];
  const ways: Way[] = [];
  // Behind a text that the caller wrote, whose tokens nobody knows, ids alone say too little.
  const knowsAll = asked.resume === undefined || asked.resume.text === "" || asked.resume.tokenIds.length > 0;
  if (fingerprint !== "" && delivered.tokenIds.length > 0 && knowsAll) ways.push(fromTokens(remains));
  if (delivered.hasToolCalls) return ways;
  ways.push(delivered.text === "" ? anew(remains) : fromText(remains));
  return ways;
}

/** The node counts the tokens that it is handed as its own. */
function fromTokens({ asked, delivered: { tokenIds, text }, fingerprint }: Remains): Way {
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
function fromText({ asked, delivered }: Remains): Way {
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
    generation: { ...asked, resume, ...less(asked, earlier + tokens) },
    exact: false,
    toUsage: (told) =>
      amend(told, {
        promptTokens: Math.max(1, told.promptTokens - earlier - (tokens - reasoningTokens)),
        completionTokens: told.completionTokens + earlier + tokens,
        reasoningTokens: told.reasoningTokens + reasoningTokens,
      }),
  };
}

/** Thoughts are no part of the answer: another node has its own. */
function anew({ asked, delivered: { tokens, reasoningTokens } }: Remains): Way {
  return {
    generation: { ...asked, ...less(asked, tokens) },
    exact: false,
    toUsage: (told) =>
      amend(told, {
        completionTokens: told.completionTokens + tokens,
        reasoningTokens: told.reasoningTokens + reasoningTokens,
      }),
  };
}

/** What is left of `max_tokens`: at least the one token that brings the answer to its end. */
function less({ limits }: Generation, tokens: number): { limits?: Limits } {
  if (limits?.maxTokens === undefined) return {};
  return { limits: { ...limits, maxTokens: Math.max(1, limits.maxTokens - tokens) } };
}

const asIs = (told: Usage): Usage => told;

const amend = (told: Usage, changed: Partial<Usage>): Usage => ({ ...told, ...changed });
