import { unsupportedParameter, unsupportedValue, wrongMeaning } from "../../errors/param-faults.ts";
import type { JsonObject } from "../../http/json-body.ts";
import { refuseMuchMetadata, refuseStreamOptions } from "../../requests/check-body.ts";
import { outputConstraints } from "../../requests/vocabulary.ts";
import type { ChatRequestBody } from "./schema.ts";

/**
 * Parameters that change the shape or the meaning of the answer and that are not supported here. Unknown keys are
 * ignored; these are known, and silence about them would be a wrong answer.
 */
const refused = [
  // OpenAI's.
  "audio",
  "web_search_options",
  "moderation",
  ...outputConstraints,
  // Of open servers: another prompt, other tokens, other ends.
  "echo",
  "documents",
  "prompt_logprobs",
  "use_beam_search",
  "min_tokens",
  "stop_token_ids",
  "bad_words",
  "allowed_token_ids",
];

/** Keys that are no part of the schema and are known all the same: those above, and harmless ones of open servers. */
export const knownBeside: readonly string[] = [...refused, "thinking", "ignore_eos"];

/** Throws when a request asks for what cannot be honoured, or for things that do not go together. */
export function refuse(raw: JsonObject, body: ChatRequestBody): void {
  for (const name of refused) if (asksForSomething(raw[name])) throw unsupportedParameter(name);
  // The one that is on unless it is switched off; then it means that the last turn is continued.
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

/** Whether a parameter has an effect; clients that send all of them send what switches them off. */
const asksForSomething = (value: unknown): boolean =>
  Array.isArray(value)
    ? value.length > 0
    : value !== undefined && value !== null && value !== false && value !== 0;
