import { unsupportedParameter, unsupportedValue, wrongMeaning } from "../../errors/param-faults.ts";
import type { JsonObject } from "../../http/json-body.ts";
import { refuseMuchMetadata, refuseStreamOptions } from "../../requests/check-body.ts";
import { outputConstraints } from "../../requests/vocabulary.ts";
import type { ChatRequestBody } from "./schema.ts";

/**
 * Parameters that would change the answer and are not supported. Unknown keys are ignored, but ignoring these would
 * give wrong answers.
 */
const refused = [
  // OpenAI's.
  "audio",
  "web_search_options",
  "moderation",
  ...outputConstraints,
  // Other prompts, tokens and stop conditions of open servers.
  "echo",
  "documents",
  "prompt_logprobs",
  "use_beam_search",
  "min_tokens",
  "stop_token_ids",
  "bad_words",
  "allowed_token_ids",
];

/** Known keys outside the schema: those above, and harmless ones of open servers. */
export const knownOutsideSchema: readonly string[] = [...refused, "thinking", "ignore_eos"];

/** Throws for unsupported parameters and for contradictions between parameters. */
export function refuse(raw: JsonObject, body: ChatRequestBody): void {
  for (const name of refused) if (hasEffect(raw[name])) throw unsupportedParameter(name);
  // On by default; off, it means that the last turn is continued.
  if (body.add_generation_prompt === false && body.continue_final_message !== true)
    throw unsupportedParameter("add_generation_prompt");
  if (body.modalities?.includes("audio")) throw unsupportedValue("modalities", "audio", "'text'");
  refuseMuchMetadata(body.metadata);
  refuseStreamOptions(body);
  if (typeof body.top_logprobs === "number" && body.logprobs !== true)
    throw wrongMeaning(
      "top_logprobs",
      "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
    );
}

/** Whether a parameter has an effect; some clients send all of them, switched off. */
const hasEffect = (value: unknown): boolean =>
  Array.isArray(value)
    ? value.length > 0
    : value !== undefined && value !== null && value !== false && value !== 0;
