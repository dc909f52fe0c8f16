import { defaultTemperature } from "../../chat/request/sampling.ts";
import { defaultMaxTokens } from "../../completions/request.ts";
import { completionRequestSchema } from "../../completions/schema.ts";
import { type ParameterNotes, toRequestSchema } from "../request-schema.ts";
import { json, type RouteDescription, ref } from "../route-description.ts";
import { completionSchemas } from "../schemas/completion.ts";
import { usageSchema } from "../schemas/usage.ts";

const hint = "Accepted for the sake of clients; without effect.";

const notes: ParameterNotes<typeof completionRequestSchema> = {
  model: "One of `GET /models`.",
  prompt: "One or several texts, or lists of token ids, that are continued as they stand.",
  suffix: "Refused unless empty: text cannot be filled in.",
  max_tokens: "The most tokens that an answer may have.",
  n: "How many answers each prompt gets.",
  best_of: "The value of `n`, or absent.",
  temperature: "How freely tokens are drawn; 0 always takes the likeliest.",
  top_p: "Only the likeliest tokens are drawn that together have this probability.",
  presence_penalty: "Above 0: tokens that have come are less likely.",
  frequency_penalty: "Above 0: the more often a token has come, the less likely it is.",
  logprobs: "Log probabilities are told, and for each token those of so many likely ones.",
  echo: "Whether answers begin with their prompt.",
  logit_bias: "Added to the logits of tokens, by the model's own token ids.",
  seed: "Equal seeds give equal answers on equal engines.",
  stop: "The answer ends before any of these texts.",
  stream: "Whether the answer comes piece by piece, as server-sent events.",
  stream_options: "Only with `stream`.",
  user: hint,
  service_tier: hint,
  top_k: "Only so many of the likeliest tokens are drawn; 0 and -1: all.",
  min_p: "Only tokens are drawn that have this share of the likeliest one's probability.",
  repetition_penalty: "Above 1: tokens that have come are less likely, those of the prompt too.",
};

/** `POST /completions`. */
export const completions: RouteDescription = {
  method: "post",
  path: "/completions",
  mount: "api",
  operation: {
    operationId: "createCompletion",
    summary: "Continues texts as they stand: the legacy form.",
    description:
      "With `stream`, each event's data is a chunk, and the last one is `[DONE]`. A failure after the stream has " +
      "begun is an event with an error, which no `[DONE]` follows.",
    requestBody: { required: true, content: json(ref("CompletionRequest")) },
    responses: {
      200: {
        description: "The answer.",
        content: {
          ...json(ref("Completion")),
          "text/event-stream": { schema: { anyOf: [ref("CompletionChunk"), ref("Error")] } },
        },
      },
    },
  },
  faults: ["key", "body", "model", "generation"],
  schemas: {
    CompletionRequest: toRequestSchema(completionRequestSchema, notes, {
      defaults: {
        temperature: defaultTemperature,
        max_tokens: defaultMaxTokens,
        n: 1,
        echo: false,
        stream: false,
      },
    }),
    ...completionSchemas,
    Usage: usageSchema,
  },
};
