import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { Generation, Message } from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type RoleName, roleOf } from "../../roles.ts";
import { parseCallerObject } from "../../text/caller-json.ts";

/** A turn of the conversation as chat templates expect it (Hugging Face). */
export interface Turn {
  readonly role: RoleName;
  readonly content: string;
  readonly name?: string;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly TurnToolCall[];
  readonly tool_call_id?: string;
}

/** A tool call in a turn. */
export interface TurnToolCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: unknown };
}

/** A tool as chat templates expect it. */
export interface TurnTool {
  readonly type: "function";
  readonly function: { readonly name: string; readonly description: string; readonly parameters: unknown };
}

/** The turns of a generation. Throws `invalid_request` for images and missing roles. */
export function toTurns(generation: Generation): Turn[] {
  if (generation.messages.length === 0)
    throw new MeshError(
      "invalid_request",
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
      { code: "empty_array", param: "messages" },
    );
  const names = new Map(
    generation.messages.flatMap(({ toolCalls }) => toolCalls.map(({ id, name }) => [id, name] as const)),
  );
  return generation.messages.map((message, index) => toTurn(message, index, names));
}

function toTurn(message: Message, index: number, names: ReadonlyMap<string, string>): Turn {
  const role = roleOf(message, index);
  const name = message.name || (role === "tool" ? names.get(message.toolCallId) : undefined);
  return {
    role,
    content: toText(message, index),
    ...(name === undefined ? {} : { name }),
    ...(message.reasoning === "" ? {} : { reasoning_content: message.reasoning }),
    ...(message.toolCalls.length === 0 ? {} : { tool_calls: message.toolCalls.map(toToolCall) }),
    ...(role === "tool" ? { tool_call_id: message.toolCallId } : {}),
  };
}

const toText = (message: Message, index: number): string =>
  message.parts
    .map(({ part }) => {
      if (part.case === "text") return part.value;
      throw new MeshError(
        "invalid_request",
        "This model cannot see images. Send text only, or choose a model that sees.",
        { param: `messages.[${index}].content` },
      );
    })
    .join("");

/** Templates serialize arguments themselves; invalid JSON they get as text. */
function toToolCall({ id, name, argumentsJson: json }: Message["toolCalls"][number]): TurnToolCall {
  const parsed = json.trim() === "" ? {} : (parseCallerObject(json) ?? json);
  return { id, type: "function", function: { name, arguments: parsed } };
}
