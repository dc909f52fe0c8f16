import { count, type JsonSchema, objectOf } from "../route-description.ts";

/** What a request took; its prompt counts once, however many answers it has. */
export const usageSchema: JsonSchema = objectOf({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  prompt_tokens_details: objectOf({ cached_tokens: count, audio_tokens: count }),
  completion_tokens_details: objectOf({
    reasoning_tokens: count,
    audio_tokens: count,
    accepted_prediction_tokens: count,
    rejected_prediction_tokens: count,
  }),
});
