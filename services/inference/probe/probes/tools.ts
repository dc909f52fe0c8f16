import { Role } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Transcript } from "../../transcript.ts";
import { type Finding, refuted, shown } from "../finding.ts";
import type { Probe } from "../probe.ts";
import { says, type Trial } from "../trial.ts";
import { callsOnly, callTokens, tools as offered } from "./weather-tool.ts";

const questions = [
  "What is the weather in Paris?",
  "Call the function get_weather with the city Paris. Say nothing else.",
];

/**
 * Offered a function, the model calls it by itself when a question plainly asks for that, and then takes the result.
 *
 * Whether a model calls a function unasked is its own judgement, and weak ones misjudge. So where it was shown that
 * calls can be forced, template and parser work, and an answer in words does not speak against the capability; where
 * it was not, nothing but a call of its own shows that the function has reached the model at all.
 */
export const tools: Probe = {
  name: "tools",
  isClaimed: ({ capabilities }) => capabilities?.tools === true,
  async attempt(trial, findings) {
    for (const question of questions) {
      const answer = await trial.ask({ messages: says(question), tools: offered }, callTokens);
      if (answer.toolCalls.length === 0) continue;
      if (!callsOnly(answer, "get_weather", "get_time"))
        return refuted("a function was called with other arguments than it declares");
      return await takeResult(trial, question, answer);
    }
    if (findings.get("forced_tool_choice")?.outcome === "shown") return shown;
    return refuted("the model did not call a function when plainly asked to, so nothing shows that it can");
  },
};

/** Hands the result of a call over; some templates have no place for it. */
async function takeResult(trial: Trial, question: string, { toolCalls }: Transcript): Promise<Finding> {
  const results = toolCalls.map(({ id }) => ({
    role: Role.TOOL,
    toolCallId: id,
    parts: [{ part: { case: "text" as const, value: '{"sky":"sunny"}' } }],
  }));
  const calls = { role: Role.ASSISTANT, toolCalls: toolCalls.map((call) => ({ ...call })) };
  await trial.peek({ messages: [...says(question), calls, ...results], tools: offered }, 8);
  return shown;
}
