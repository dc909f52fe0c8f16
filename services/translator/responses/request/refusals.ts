import { missing, unsupportedParameter, unsupportedValue } from "../../errors/param-faults.ts";
import type { JsonObject } from "../../http/json-body.ts";
import { refuseMuchMetadata, refuseStreamOptions } from "../../requests/check-body.ts";
import { isGiven } from "../../requests/vocabulary.ts";
import { movedParameter } from "../faults.ts";
import type { ResponseRequestBody } from "./schema.ts";

/** Parameters that would change the answer and are not supported. */
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

/** Known keys outside the schema. */
export const knownOutsideSchema: readonly string[] = [...refused, ...moved.map(([name]) => name)];

/** Throws for unsupported parameters and for contradictions between parameters. */
export function refuse(raw: JsonObject, body: ResponseRequestBody): void {
  for (const name of refused) if (isGiven(raw[name])) throw unsupportedParameter(name);
  if (body.background === true) throw unsupportedValue("background", "true", "'false'");
  if (body.prompt_cache_options?.prewarm === true) throw unsupportedParameter("prompt_cache_options.prewarm");
  refuseReasoning(body);
  refuseMuchMetadata(body.metadata);
  refuseStreamOptions(body);
  if (!isGiven(body.input) && !isGiven(body.previous_response_id)) throw missing("input");
}

/** Throws for the first parameter that was renamed. */
export function refuseMoved(raw: JsonObject): void {
  for (const [name, to] of moved) if (isGiven(raw[name])) throw movedParameter(name, to);
}

/** Reasoning is passed on unchanged: not summarized, selected or repeated. */
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
