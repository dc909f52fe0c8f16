import type { z } from "zod";
import type { TokenChoice, TokenLogprob } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { AnswerLine } from "./answer-reader.ts";
import type { chatLineSchema, generateLineSchema, OllamaLogprob } from "./api.ts";

/** A line of either endpoint in one form. */
export function toAnswerLine(
  line: z.infer<typeof chatLineSchema> | z.infer<typeof generateLineSchema>,
  topLogprobs: number,
): AnswerLine {
  const said = "response" in line ? { ...line, content: line.response } : messageOf(line);
  return {
    text: said.content ?? "",
    thinking: said.thinking ?? "",
    toolCalls: "tool_calls" in said ? (said.tool_calls ?? []) : [],
    logprobs: (line.logprobs ?? []).map((logprob) => toTokenLogprob(logprob, topLogprobs)),
    done: line.done,
    doneReason: line.done_reason ?? "",
    promptTokens: line.prompt_eval_count ?? undefined,
    completionTokens: line.eval_count ?? undefined,
  };
}

const messageOf = (line: z.infer<typeof chatLineSchema> | z.infer<typeof generateLineSchema>) =>
  "message" in line && line.message ? line.message : { content: "", thinking: "" };

function toTokenLogprob(logprob: OllamaLogprob, top: number): TokenLogprob {
  const alternatives = (logprob.top_logprobs ?? []).toSorted((a, b) => b.logprob - a.logprob);
  return {
    $typeName: "cxmpute.generation.v1.TokenLogprob",
    token: toChoice(logprob),
    top: alternatives.slice(0, top).map(toChoice),
  };
}

const toChoice = ({ token, logprob, bytes }: Omit<OllamaLogprob, "top_logprobs">): TokenChoice => ({
  $typeName: "cxmpute.generation.v1.TokenChoice",
  text: token.toWellFormed(),
  bytes: bytes ? Uint8Array.from(bytes) : Buffer.from(token),
  logprob: Math.min(logprob, 0),
});
