import type { Generation, Part, RawPrompt, Usage } from "../../gen/cxmpute/generation/v1/generation_pb.ts";

// A count of tokens is a claim of the engine that made it. A token has at least a byte, so whoever has seen the prompt
// and the answer knows the most that they can have taken.

/** What was delivered of an answer. */
export interface Shown {
  /** Of text, reasoning and tool calls, in bytes. */
  readonly bytes: number;
  /** The number of its tokens, those resumed from included; undefined when it came without ids. */
  readonly tokens: number | undefined;
  readonly calls: number;
}

/** What a chat template may add by itself: for the whole prompt (some begin with a page of rules) and for a message. */
const templateTokens = 1024;
const messageTokens = 64;
/** The same as it usually is, for a claim that is not believed. */
const usualMessageTokens = 8;
/** More than any model makes of an image. */
const imageTokens = 16_384;
/** Tokens of an answer that show nothing: marks around reasoning, around the answer and around each call. */
const hiddenTokens = 64;
const hiddenCallTokens = 32;

/** The usage, with what exceeds what was asked and delivered replaced by the most that it can be. */
export function boundUsage(claimed: Usage, generation: Generation, shown: Shown): Usage {
  const promptTokens = boundPrompt(claimed.promptTokens, generation);
  const completionTokens = boundCompletion(claimed.completionTokens, generation, shown);
  const cachedTokens = Math.min(claimed.cachedTokens, promptTokens);
  const reasoningTokens = Math.min(claimed.reasoningTokens, completionTokens);
  const isBelieved =
    promptTokens === claimed.promptTokens &&
    completionTokens === claimed.completionTokens &&
    cachedTokens === claimed.cachedTokens &&
    reasoningTokens === claimed.reasoningTokens;
  return isBelieved ? claimed : { ...claimed, promptTokens, completionTokens, cachedTokens, reasoningTokens };
}

function boundCompletion(claimed: number, { limits }: Generation, { bytes, tokens, calls }: Shown): number {
  if (tokens !== undefined) return tokens;
  const most = bytes + hiddenTokens + hiddenCallTokens * calls;
  return Math.min(claimed <= most ? claimed : bytes, limits?.maxTokens ?? Number.POSITIVE_INFINITY);
}

function boundPrompt(claimed: number, generation: Generation): number {
  const { messages, tools, outputFormat } = generation;
  const schema = outputFormat?.format.case === "jsonSchema" ? outputFormat.format.value.schemaJson : "";
  // Templates write tools and schemas out in their own way, with more words.
  const rewritten = 2 * (bytesOf(schema) + tools.reduce((sum, tool) => sum + bytesOfTool(tool), 0));
  const size = sizeOfPrompt(generation);
  if (claimed <= size + rewritten + templateTokens + messageTokens * messages.length) return claimed;
  return size + rewritten + usualMessageTokens * messages.length;
}

/** The size of a prompt, in tokens as if each byte were one. */
export function sizeOfPrompt(generation: Generation): number {
  const { messages, rawPrompt, embedding, resume, chatTemplateKwargsJson } = generation;
  let size = bytesOf(chatTemplateKwargsJson) + (resume === undefined ? 0 : bytesOf(resume.text));
  for (const { parts, toolCalls, name, reasoning } of messages) {
    size += bytesOf(name) + bytesOf(reasoning);
    for (const part of parts) size += sizeOfPart(part);
    for (const call of toolCalls) size += bytesOf(call.id) + bytesOf(call.name) + bytesOf(call.argumentsJson);
  }
  if (rawPrompt !== undefined) size += sizeOfRaw(rawPrompt);
  for (const input of embedding?.inputs ?? []) size += sizeOfRaw(input) + usualMessageTokens;
  return size;
}

const sizeOfPart = ({ part }: Part): number =>
  part.case === "image" ? imageTokens : bytesOf(part.value ?? "");

const sizeOfRaw = ({ prompt }: RawPrompt): number =>
  prompt.case === "tokens" ? prompt.value.ids.length : bytesOf(prompt.value ?? "");

const bytesOfTool = ({ name, description, parametersJson }: Generation["tools"][number]): number =>
  bytesOf(name) + bytesOf(description) + bytesOf(parametersJson);

const bytesOf = (text: string): number => Buffer.byteLength(text);
