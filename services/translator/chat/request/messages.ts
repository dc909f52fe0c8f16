import { create } from "@bufbuild/protobuf";
import {
  type Message,
  MessageSchema,
  type Part,
  Role,
  type ToolCall,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import * as faults from "../../errors/param-faults.ts";
import { parseImage, type RemoteImage } from "../../images/parse-image.ts";
import { addText, toImagePart, toTextPart, toToolCall } from "../../requests/messages.ts";
import type { ChatMessage, ContentPart } from "./schema.ts";

/**
 * Translates the conversation. Images by URL are added to `remote`, without which they are rejected. Throws the first
 * inconsistency.
 */
export function parseMessages(messages: readonly ChatMessage[], remote?: RemoteImage[]): Message[] {
  const calls: KnownCalls = { ids: new Set(), lastByName: new Map() };
  return messages.map((message, index) => parseMessage(message, index, calls, remote));
}

function parseMessage(
  message: ChatMessage,
  index: number,
  calls: KnownCalls,
  remote: RemoteImage[] | undefined,
): Message {
  switch (message.role) {
    case "system":
    case "developer":
      return toMessage(Role.SYSTEM, message, parseParts(message, index, textOnly));
    case "user":
      return toMessage(Role.USER, message, parseParts(message, index, textAndImages, remote));
    case "assistant":
      return parseAssistant(message, index, calls);
    case "tool":
      return parseResult(message, index, findCall(message, index, calls));
    case "function":
      return parseResult(message, index, findLegacyCall(message, index, calls));
  }
}

const parseResult = (message: ChatMessage, index: number, toolCallId: string): Message =>
  toMessage(Role.TOOL, message, parseParts(message, index, textOnly), { toolCallId });

function findCall({ tool_call_id: id }: ChatMessage, index: number, calls: KnownCalls): string {
  if (typeof id !== "string") throw faults.missing(`messages[${index}].tool_call_id`);
  if (!calls.ids.has(id)) throw orphan(index, "tool", "tool_calls");
  return id;
}

function findLegacyCall({ name }: ChatMessage, index: number, calls: KnownCalls): string {
  if (!name) throw faults.missing(`messages[${index}].name`);
  const id = calls.lastByName.get(name);
  if (id === undefined) throw orphan(index, "function", "function_call");
  return id;
}

interface KnownCalls {
  readonly ids: Set<string>;
  /** Legacy results refer to calls by function name. */
  readonly lastByName: Map<string, string>;
}

function parseAssistant(message: ChatMessage, index: number, calls: KnownCalls): Message {
  const path = `messages[${index}]`;
  const content = message.content ?? message.refusal ?? undefined;
  const toolCalls = parseToolCalls(message, index);
  if (content === undefined && toolCalls.length === 0) {
    if (message.tool_calls) throw faults.emptyArray(`${path}.tool_calls`);
    // An earlier audio answer exists only at the service that generated it.
    if (message.audio) throw faults.unsupportedParameter(`${path}.audio`);
    throw nullContent(index);
  }
  for (const { id, name } of toolCalls) {
    calls.ids.add(id);
    calls.lastByName.set(name, id);
  }
  const parts = content === undefined ? [] : parseParts({ ...message, content }, index, textAndRefusals);
  const reasoning = message.reasoning ?? message.reasoning_content ?? "";
  return toMessage(Role.ASSISTANT, message, parts, { toolCalls, reasoning });
}

function parseToolCalls({ tool_calls, function_call }: ChatMessage, index: number): ToolCall[] {
  if (tool_calls && tool_calls.length > 0)
    return tool_calls.map(({ id, function: called }) => toToolCall(id, called.name, called.arguments));
  if (!function_call) return [];
  return [toToolCall(`call_of_message_${index}`, function_call.name, function_call.arguments)];
}

const toMessage = (
  role: Role,
  { name }: ChatMessage,
  parts: Part[],
  more: Partial<Pick<Message, "toolCallId" | "toolCalls" | "reasoning">> = {},
): Message => create(MessageSchema, { role, parts, name: name ?? "", ...more });

type Allowed = readonly ContentPart["type"][];
const textOnly: Allowed = ["text"];
const textAndImages: Allowed = ["text", "image_url"];
const textAndRefusals: Allowed = ["text", "refusal"];

/** The parts in order; adjacent texts are joined. */
function parseParts(
  { role, content }: ChatMessage,
  index: number,
  allowed: Allowed,
  remote?: RemoteImage[],
): Part[] {
  if (content === undefined || content === null) throw nullContent(index);
  if (typeof content === "string") return content === "" ? [] : [toTextPart(content)];
  const parts: Part[] = [];
  for (const [partIndex, piece] of content.entries()) {
    const path = `messages[${index}].content[${partIndex}]`;
    if (!allowed.includes(piece.type)) {
      if (piece.type === "image_url") throw strayImage(index, role);
      throw faults.unknownValue(`${path}.type`, piece.type, allowed);
    }
    if (piece.type === "image_url") {
      const { image_url: image } = piece;
      const [url, detail, at] =
        typeof image === "string"
          ? [image, "", "image_url"]
          : [image.url, image.detail ?? "", "image_url.url"];
      parts.push(toImagePart(parseImage(url, detail, faults.wrongImage(`${path}.${at}`), remote)));
    } else addText(parts, piece.type === "text" ? piece.text : piece.refusal);
  }
  return parts;
}

const nullContent = (index: number) =>
  faults.wrongMeaning(
    `messages.[${index}].content`,
    "Invalid value for 'content': expected a string, got null.",
  );

/** OpenAI's own spelling, which clients may match on. */
const orphan = (index: number, role: string, calls: string) =>
  faults.wrongMeaning(
    `messages.[${index}].role`,
    `Invalid parameter: messages with role '${role}' must be a response to a preceeding message with '${calls}'.`,
  );

const strayImage = (index: number, role: string) =>
  faults.wrongValue(
    `messages[${index}]`,
    `Invalid 'messages[${index}]'. Image URLs are only allowed for messages with role 'user', but this message with role '${role}' contains an image URL.`,
  );
