import { isJsonObject } from "../../../../core/json.ts";
import type { Generation, Message } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { roleOf } from "../roles.ts";
import { parseCallerObject } from "../text/caller-json.ts";
import type { CallableTool } from "../tools/tool-use.ts";
import type { OllamaMessage } from "./api.ts";
import { invalid } from "./failures.ts";

/** The conversation in Ollama's form. Throws `invalid_request`, also for arguments that are no object. */
export function toOllamaMessages({ messages }: Generation): OllamaMessage[] {
  const names = new Map(
    messages.flatMap(({ toolCalls }) => toolCalls.map(({ id, name }) => [id, name] as const)),
  );
  return messages.map((message, index) => toOllamaMessage(message, index, names));
}

function toOllamaMessage(message: Message, index: number, names: ReadonlyMap<string, string>): OllamaMessage {
  const role = roleOf(message, index);
  const images = message.parts.flatMap(({ part }) =>
    part.case === "image" ? [Buffer.from(part.value.data).toString("base64")] : [],
  );
  const toolName = message.name || names.get(message.toolCallId);
  return {
    role,
    content: message.parts.map(({ part }) => (part.case === "text" ? part.value : "")).join(""),
    thinking: message.reasoning || undefined,
    images: images.length === 0 ? undefined : images,
    tool_calls:
      message.toolCalls.length === 0
        ? undefined
        : message.toolCalls.map((call, at) => toOllamaCall(call, index, at)),
    ...(role === "tool" && { tool_name: toolName, tool_call_id: message.toolCallId || undefined }),
  };
}

function toOllamaCall(
  { id, name, argumentsJson }: Message["toolCalls"][number],
  message: number,
  index: number,
): NonNullable<OllamaMessage["tool_calls"]>[number] {
  const parsed = argumentsJson.trim() === "" ? {} : parseCallerObject(argumentsJson);
  if (parsed === undefined)
    throw invalid(
      `messages[${message}].tool_calls[${index}].function.arguments`,
      `The arguments of the call to \`${name}\` are no JSON object, and this engine takes nothing else.`,
    );
  return { id, function: { index, name, arguments: parsed } };
}

/** A tool in Ollama's form, whose types refuse `true` as a property, and a tool without parameters. */
export const toOllamaTool = ({ name, description, parameters }: CallableTool): object => ({
  type: "function",
  function: {
    name,
    description: description || undefined,
    parameters: { type: "object", properties: {}, ...asObject(withObjectProperties(parameters)) },
  },
});

function withObjectProperties(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withObjectProperties);
  if (!isJsonObject(schema)) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [
      key,
      key === "properties" && isJsonObject(value)
        ? Object.fromEntries(
            Object.entries(value).map(([name, property]) => [name, asObject(withObjectProperties(property))]),
          )
        : unheld.has(key)
          ? value
          : withObjectProperties(value),
    ]),
  );
}

const unheld = new Set(["const", "default", "enum", "examples", "required", "type"]);

const asObject = (schema: unknown): object => (isJsonObject(schema) ? schema : {});
