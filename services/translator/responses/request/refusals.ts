import { missing, unsupportedParameter, unsupportedValue } from "../../errors/param-faults.ts";
import type { JsonObject } from "../../http/json-body.ts";
import { refuseMuchMetadata, refuseStreamOptions } from "../../requests/check-body.ts";
import { isGiven } from "../../requests/vocabulary.ts";
import { movedParameter } from "../faults.ts";
import type { ResponseRequestBody } from "./schema.ts";

/** Parameters that change what the answer is made of or where it goes, and that are not supported here. */
const refused = [
  "conversation",
  "prompt",
  "moderation",
  "context_management",
  // Of chat completions.
  "n",
  "logit_bias",
  "audio",
  "modalities",
  "prediction",
  "web_search_options",
];

/** Parameters of chat completions, and their names here. */
const moved: readonly (readonly [string, string])[] = [
  ["messages", "input"],
  ["max_tokens", "max_output_tokens"],
  ["max_completion_tokens", "max_output_tokens"],
  ["response_format", "text.format"],
  ["reasoning_effort", "reasoning.effort"],
  ["verbosity", "text.verbosity"],
  ["functions", "tools"],
  ["function_call", "tool_choice"],
  ["logprobs", "top_logprobs"],
];

/** Keys that are no part of the schema and are known all the same. */
export const knownBeside: readonly string[] = [...refused, ...moved.map(([name]) => name)];

/** Throws when a request asks for what cannot be honoured, or for things that do not go together. */
export function refuse(raw: JsonObject, body: ResponseRequestBody): void {
  for (const name of refused) if (isGiven(raw[name])) throw unsupportedParameter(name);
  if (body.background === true) throw unsupportedValue("background", "true", "'false'");
  if (body.prompt_cache_options?.prewarm === true) throw unsupportedParameter("prompt_cache_options.prewarm");
  refuseReasoning(body);
  refuseMuchMetadata(body.metadata);
  refuseStreamOptions(body);
  if (!isGiven(body.input) && !isGiven(body.previous_response_id)) throw missing("input");
}

/** Throws for the first parameter that has another name here. */
export function refuseMoved(raw: JsonObject): void {
  for (const [name, to] of moved) if (isGiven(raw[name])) throw movedParameter(name, to);
}

/** Reasoning is passed on as it is: not summarized, not selected, not repeated. */
function refuseReasoning({ reasoning }: ResponseRequestBody): void {
  if (!reasoning) return;
  for (const name of ["summary", "generate_summary"] as const)
    if (reasoning[name] === "concise")
      throw unsupportedValue(`reasoning.${name}`, "concise", "'auto' or 'detailed'");
  if (isGiven(reasoning.context) && reasoning.context !== "auto")
    throw unsupportedValue("reasoning.context", reasoning.context, "'auto'");
  if (isGiven(reasoning.mode) && reasoning.mode !== "standard")
    throw unsupportedValue("reasoning.mode", reasoning.mode.slice(0, 64), "'standard'");
}
