import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import {
  type Message,
  type Part,
  Role,
  type ToolCall,
} from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { JsonObject } from "./json.ts";

/**
 * A turn in OpenAI's form. Content is a plain string unless there is an image: many chat templates read nothing
 * else. Reasoning goes back as `reasoning_content`, which llama-server, SGLang and vLLM pass to the template.
 */
export function toMessage(message: Message, index: number): JsonObject {
  const role = roles[message.role];
  if (role === undefined)
    throw new MeshError("invalid_request", `Message ${index} has no role.`, {
      param: `messages[${index}].role`,
    });
  const isOnlyCalls = message.parts.length === 0 && message.toolCalls.length > 0;
  return {
    role,
    content: isOnlyCalls ? null : toContent(message.parts),
    name: message.name || undefined,
    reasoning_content: message.reasoning || undefined,
    tool_calls: message.toolCalls.length === 0 ? undefined : message.toolCalls.map(toToolCall),
    tool_call_id: role === "tool" ? message.toolCallId : undefined,
  };
}

const toContent = (parts: readonly Part[]): string | JsonObject[] =>
  parts.every(({ part }) => part.case === "text")
    ? parts.map(({ part }) => part.value ?? "").join("")
    : parts.flatMap(toContentPart);

function toContentPart({ part }: Part): JsonObject[] {
  if (part.case === "text") return [{ type: "text", text: part.value }];
  if (part.case !== "image") return [];
  const { data, mimeType, detail } = part.value;
  const url = `data:${mimeType};base64,${Buffer.from(data).toString("base64")}`;
  return [{ type: "image_url", image_url: { url, detail: detail || undefined } }];
}

/** Servers refuse empty arguments. */
const toToolCall = ({ id, name, argumentsJson }: ToolCall): JsonObject => ({
  id,
  type: "function",
  function: { name, arguments: argumentsJson.trim() === "" ? "{}" : argumentsJson },
});

const roles: Readonly<Record<Role, string | undefined>> = {
  [Role.UNSPECIFIED]: undefined,
  [Role.SYSTEM]: "system",
  [Role.USER]: "user",
  [Role.ASSISTANT]: "assistant",
  [Role.TOOL]: "tool",
};
