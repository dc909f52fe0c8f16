// OpenAI's JSON as the mesh writes it, byte for byte as long, so that every peer carries the same load.

const id = "chatcmpl-0123456789abcdef0123456789abcdef";
const created = 1_700_000_000;
const serviceTier = "default";
const fingerprint = "fp_0123456789";

/** The last event of a stream. */
export const streamEnd = "data: [DONE]\n\n";

/** The event that opens a stream. */
export const roleChunk = (model: string): string =>
  chunk(model, `{"role":"assistant","content":"","refusal":null}`, "null");

/** The event of one token. */
export const textChunk = (model: string, text: string): string =>
  chunk(model, `{"content":${JSON.stringify(text)}}`, "null");

/** The event that says why the text ends. */
export const finishChunk = (model: string): string => chunk(model, "{}", `"length"`);

/** A whole answer. */
export const completion = (model: string, text: string, tokens: number): string =>
  JSON.stringify({
    id,
    object: "chat.completion",
    created,
    model,
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: text, refusal: null, annotations: [] },
        logprobs: null,
        finish_reason: "length",
      },
    ],
    usage: {
      prompt_tokens: 9,
      completion_tokens: tokens,
      total_tokens: 9 + tokens,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
      completion_tokens_details: {
        reasoning_tokens: 0,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
    },
    service_tier: serviceTier,
    system_fingerprint: fingerprint,
  });

function chunk(model: string, delta: string, finishReason: string): string {
  return (
    `data: {"id":"${id}","object":"chat.completion.chunk","created":${created},"model":"${model}",` +
    `"service_tier":"${serviceTier}","system_fingerprint":"${fingerprint}",` +
    `"choices":[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${finishReason}}]}\n\n`
  );
}
