import { isJsonObject, parseJson } from "../../../../core/json.ts";
import { FinishReason, Role, ToolChoice_Mode } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Transcript } from "../../transcript.ts";
import { type Attempt, type Finding, type Question, refuted, says, shown, type Trial } from "../trial.ts";

type Tools = NonNullable<Question["tools"]>;

const offered: Tools = [
  {
    name: "get_weather",
    description: "Tells the weather in a city.",
    parametersJson: JSON.stringify({
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
      additionalProperties: false,
    }),
  },
  {
    name: "get_time",
    description: "Tells the time.",
    parametersJson: JSON.stringify({ type: "object", properties: {}, additionalProperties: false }),
  },
];

/** Tokens enough for one call. */
const callTokens = 96;

/** Whether an answer calls only these functions, with valid arguments. */
function callsOnly({ toolCalls }: Transcript, ...names: string[]): boolean {
  return (
    toolCalls.length > 0 &&
    toolCalls.every(({ name, argumentsJson }) => {
      const value = parseJson(argumentsJson);
      return names.includes(name) && isJsonObject(value) && (name !== "get_weather" || hasCity(value));
    })
  );
}

const hasCity = (value: Record<string, unknown>): boolean =>
  typeof value.city === "string" && Object.keys(value).length === 1;

/** Small talk is answered with a call: of the named function, and of any when any will do. */
export const forcedToolChoice: Attempt = async (trial) => {
  for (const [allowedNames, callable] of [
    [["get_weather"], ["get_weather"]],
    [[], ["get_weather", "get_time"]],
  ] as const) {
    const answer = await trial.ask(
      {
        messages: says("Say hello."),
        tools: offered,
        toolChoice: { mode: ToolChoice_Mode.REQUIRED, allowedNames: [...allowedNames] },
        parallelToolCalls: false,
      },
      callTokens,
    );
    const what = allowedNames.length > 0 ? "a function that was named" : "a function that had to be called";
    if (!callsOnly(answer, ...callable)) return refuted(`${what} was not called as it is declared`);
    if (answer.reason !== FinishReason.TOOL_CALLS)
      return refuted(`${what} was called, but the answer did not end for that reason`);
  }
  return shown;
};

const questions = [
  "What is the weather in Paris?",
  "Call the function get_weather with the city Paris. Say nothing else.",
];

/**
 * The model calls a function that a question plainly asks for, and accepts the result. Weak models misjudge
 * when to call; where forced calls were shown, which proves template and parser, words are no failure.
 */
export const tools: Attempt = async (trial, findings) => {
  for (const question of questions) {
    const answer = await trial.ask({ messages: says(question), tools: offered }, callTokens);
    if (answer.toolCalls.length === 0) continue;
    if (!callsOnly(answer, "get_weather", "get_time"))
      return refuted("a function was called with other arguments than it declares");
    return await takeResult(trial, question, answer);
  }
  if (findings.get("forced_tool_choice")?.outcome === "shown") return shown;
  return refuted("the model did not call a function when plainly asked to, so nothing shows that it can");
};

/** Sends the result of a call; some templates have no place for it. */
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
