import type { Usage } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type AnswerHead, toFingerprint, toUsage } from "../chat/answer/wire.ts";

/** What completion and chunk have in common; their `object` is the same, too. */
export const toHead = ({ id, created, model }: AnswerHead, fingerprint: string) => ({
  id,
  object: "text_completion",
  created,
  model,
  system_fingerprint: toFingerprint(fingerprint),
});

/** The usage of a request: each prompt once, however many answers it has, and all of the answers. */
export function toTotalUsage(usages: readonly (Usage | undefined)[], choices: number): object {
  const firsts = usages.filter((_, index) => index % choices === 0);
  const sum = (count: (usage: Usage) => number) =>
    firsts.reduce((total, usage) => total + (usage === undefined ? 0 : count(usage)), 0);
  const [first, ...rest] = usages;
  if (first === undefined) return toUsage(usages);
  const prompts = {
    promptTokens: sum((usage) => usage.promptTokens),
    cachedTokens: sum((usage) => usage.cachedTokens),
  };
  return toUsage([{ ...first, ...prompts }, ...rest]);
}
