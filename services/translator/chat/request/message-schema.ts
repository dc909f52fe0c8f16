import { z } from "zod";
import { anyObject, arrayOf, nonEmptyText, object, optional, text, word } from "./vocabulary.ts";

/** What a role's turn may consist of is checked in `messages.ts`; here only that every field has its type. */
const part = z.discriminatedUnion(
  "type",
  [
    object({ type: z.literal("text"), text }),
    object({
      type: z.literal("image_url"),
      image_url: z.union([text, object({ url: text, detail: optional(word("auto", "low", "high")) })], {
        error: "one of a string or an object",
      }),
    }),
    object({ type: z.literal("refusal"), refusal: text }),
  ],
  { error: "an object" },
);

/** A piece of a turn's content. */
export type ContentPart = z.output<typeof part>;

const calledFunction = object({ name: nonEmptyText, arguments: text });

const toolCall = object({
  id: nonEmptyText,
  type: optional(z.literal("function")),
  function: calledFunction,
});

/** One turn of the conversation. */
export const message = object({
  role: word("system", "assistant", "user", "function", "tool", "developer"),
  content: optional(
    z.union([text, arrayOf(part, "objects")], { error: "one of a string or array of objects" }),
  ),
  name: optional(text),
  tool_calls: optional(arrayOf(toolCall, "objects")),
  tool_call_id: optional(text),
  // Legacy form of tool_calls.
  function_call: optional(calledFunction),
  refusal: optional(text),
  audio: optional(anyObject),
  // Both names of the same thing: OpenRouter, Ollama and newer vLLM; DeepSeek, SGLang and llama.cpp.
  reasoning: optional(text),
  reasoning_content: optional(text),
});

/** One turn of the conversation. */
export type ChatMessage = z.output<typeof message>;
