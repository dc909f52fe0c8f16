import { z } from "zod";
import { anyObject, arrayOf, nonEmptyText, object, optional, text, word } from "../../requests/vocabulary.ts";

// Schemas of single input items; `to-messages.ts` checks their order.

const id = optional(nonEmptyText.max(64));
const status = optional(word("in_progress", "completed", "incomplete"));

const inputText = object({ type: z.literal("input_text"), text });
const inputImage = object({
  type: z.literal("input_image"),
  image_url: optional(text),
  file_id: optional(text),
  detail: optional(word("auto", "low", "high")),
});

const contentOf = <Part extends z.ZodType>(part: Part) =>
  z.union([text, arrayOf(part, "objects")], { error: "one of a string or array of objects" });

/** A message of a user, system or developer. */
export const inputMessage = object({
  type: optional(z.literal("message")),
  role: word("user", "assistant", "system", "developer"),
  content: contentOf(z.discriminatedUnion("type", [inputText, inputImage], { error: "an object" })),
  id,
  status,
});

/** A message of the model. */
export const outputMessage = object({
  type: optional(z.literal("message")),
  role: z.literal("assistant"),
  content: contentOf(
    z.discriminatedUnion(
      "type",
      [
        object({
          type: z.literal("output_text"),
          text,
          annotations: optional(arrayOf(anyObject, "objects")),
          logprobs: optional(arrayOf(anyObject, "objects")),
        }),
        object({ type: z.literal("refusal"), refusal: text }),
      ],
      { error: "an object" },
    ),
  ),
  id,
  status,
});

/** A function call by the model. */
export const functionCall = object({
  type: z.literal("function_call"),
  call_id: nonEmptyText,
  name: nonEmptyText,
  arguments: text,
  id,
  status,
});

/** The result of a function call. */
export const functionCallOutput = object({
  type: z.literal("function_call_output"),
  call_id: nonEmptyText,
  output: contentOf(z.discriminatedUnion("type", [inputText], { error: "an object" })),
  id,
  status,
});

/** A model's reasoning. */
export const reasoning = object({
  type: z.literal("reasoning"),
  summary: optional(arrayOf(object({ type: z.literal("summary_text"), text }), "objects")),
  content: optional(arrayOf(object({ type: z.literal("reasoning_text"), text }), "objects")),
  encrypted_content: optional(text),
  id,
  status,
});

/** A reference to a stored item. */
export const itemReference = object({
  type: optional(z.literal("item_reference")),
  id: nonEmptyText.max(64),
});
