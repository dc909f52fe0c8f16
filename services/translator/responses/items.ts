import { z } from "zod";
import { type Described, tokenLogprob } from "../answers/wire.ts";

// Items of the Responses API: a model's input and output. Input is converted to this form when it is parsed, so the
// same items are stored, listed and translated.

const status = z.enum(["in_progress", "completed", "incomplete"]);
export const logprobs = z.array(tokenLogprob).describe("Empty unless requested.");

const inputText = z.object({ type: z.literal("input_text"), text: z.string() });
const inputImage = z.object({
  type: z.literal("input_image"),
  image_url: z.string(),
  detail: z.enum(["auto", "low", "high"]),
});
export const outputText = z.object({
  type: z.literal("output_text"),
  annotations: z.array(z.unknown()),
  logprobs,
  text: z.string(),
});
const refusal = z.object({ type: z.literal("refusal"), refusal: z.string() });
/** Reasoning shown openly. */
export const reasoningText = z.object({ type: z.literal("reasoning_text"), text: z.string() });
/** Reasoning shown as a summary. */
export const summaryText = z.object({ type: z.literal("summary_text"), text: z.string() });

const itemHead = { id: z.string(), status };

const inputMessage = z.object({
  ...itemHead,
  type: z.literal("message"),
  content: z.array(z.union([inputText, inputImage])),
  role: z.enum(["user", "system", "developer"]),
});

const outputMessage = z.object({
  ...itemHead,
  type: z.literal("message"),
  content: z.array(z.union([outputText, refusal])),
  role: z.literal("assistant"),
});

const reasoningItem = z.object({
  ...itemHead,
  type: z.literal("reasoning"),
  summary: z.array(summaryText).describe("The reasoning, where the request asked for a summary."),
  content: z
    .array(reasoningText)
    .optional()
    .describe("The reasoning, where the request did not ask for a summary."),
});

const functionCall = z.object({
  ...itemHead,
  type: z.literal("function_call"),
  arguments: z.string().describe("JSON as the model generated it, which may be invalid."),
  call_id: z.string().describe("What the function call's output must refer to."),
  name: z.string(),
});

const functionCallOutput = z.object({
  ...itemHead,
  type: z.literal("function_call_output"),
  call_id: z.string(),
  output: z.union([z.string(), z.array(inputText)]),
});

export const outputItem = z.union([outputMessage, reasoningItem, functionCall]);

export const inputItem = z.union([outputItem, inputMessage, functionCallOutput]);

export type InputMessage = Described<typeof inputMessage>;
export type OutputMessage = Described<typeof outputMessage>;
export type ReasoningItem = Described<typeof reasoningItem>;
export type FunctionCall = Described<typeof functionCall>;
export type FunctionCallOutput = Described<typeof functionCallOutput>;
export type OutputItem = Described<typeof outputItem>;
/** Any item of a conversation. */
export type Item = Described<typeof inputItem>;
export type InputPart = InputMessage["content"][number];
export type ItemStatus = Item["status"];

/** A reference to a stored item. */
export interface ItemReference {
  readonly type: "item_reference";
  readonly id: string;
}
