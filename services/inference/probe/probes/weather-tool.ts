import type { Transcript } from "../../transcript.ts";
import type { Question } from "../trial.ts";
import { isObject, readJson } from "./json.ts";

type Tools = NonNullable<Question["tools"]>;

/** Two functions, so that a call shows a choice. */
export const tools: Tools = [
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

/** Tokens in which one call of either has room. */
export const callTokens = 96;

/** Whether an answer calls a function, of these names only, with arguments that fit. */
export function callsOnly({ toolCalls }: Transcript, ...names: string[]): boolean {
  return (
    toolCalls.length > 0 &&
    toolCalls.every(({ name, argumentsJson }) => {
      const value = readJson(argumentsJson);
      return names.includes(name) && isObject(value) && (name !== "get_weather" || hasCity(value));
    })
  );
}

const hasCity = (value: Record<string, unknown>): boolean =>
  typeof value.city === "string" && Object.keys(value).length === 1;
