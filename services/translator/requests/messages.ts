import { create } from "@bufbuild/protobuf";
import {
  type Image,
  type Part,
  PartSchema,
  type ToolCall,
  ToolCallSchema,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";

// Builders of the mesh's messages.

/** Sets those fields that have a value; the others stay unset. */
export function setGiven<M extends object>(
  message: M,
  fields: { readonly [Name in keyof M]?: M[Name] | null | undefined },
): M {
  for (const name in fields) {
    const value = fields[name];
    if (value !== undefined && value !== null) message[name] = value as M[typeof name];
  }
  return message;
}

export const toTextPart = (value: string): Part => create(PartSchema, { part: { case: "text", value } });

export const toImagePart = (value: Image): Part => create(PartSchema, { part: { case: "image", value } });

/** Appends a text; adjacent texts are joined with `separator`. */
export function addText(parts: Part[], text: string, separator = ""): void {
  const last = parts.at(-1)?.part;
  if (last?.case === "text") last.value += separator + text;
  else parts.push(toTextPart(text));
}

/** A call of an earlier turn. Clients often send empty arguments as no text, which is not valid JSON. */
export const toToolCall = (id: string, name: string, argumentsText: string): ToolCall =>
  create(ToolCallSchema, { id, name, argumentsJson: argumentsText === "" ? "{}" : argumentsText });
