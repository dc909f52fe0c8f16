import { usage } from "../../answers/schema.ts";
import { completion, completionChunk } from "../../completions/answer-schema.ts";
import { completionRequestSchema } from "../../completions/schema.ts";
import { answerOf, bodyOf, type RouteDescription } from "../route-description.ts";

/** `POST /completions`. */
export const completions: RouteDescription = {
  method: "post",
  path: "/completions",
  mount: "api",
  operation: {
    operationId: "createCompletion",
    summary: "Creates a completion for the given prompt (legacy).",
    description:
      "With `stream: true`, the data of each event is a chunk, and the last event is `[DONE]`. If the answer fails after " +
      "the stream has started, the last event is an error, and `[DONE]` is not sent.",
    requestBody: bodyOf("CompletionRequest"),
    responses: { 200: answerOf("The completion.", "Completion", "CompletionChunk", "Error") },
  },
  faults: ["key", "body", "model", "generation"],
  schemas: {
    CompletionRequest: completionRequestSchema,
    Completion: completion,
    CompletionChunk: completionChunk,
    Usage: usage,
  },
};
