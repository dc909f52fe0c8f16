import { create } from "@bufbuild/protobuf";
import {
  type Image,
  type Part,
  PartSchema,
  type ToolCall,
  ToolCallSchema,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";

// What messages of the mesh are put together from.

export const toTextPart = (value: string): Part => create(PartSchema, { part: { case: "text", value } });

export const toImagePart = (value: Image): Part => create(PartSchema, { part: { case: "image", value } });

/** Adds a text behind others; neighbouring texts become one, with `separator` between them. */
export function addText(parts: Part[], text: string, separator = ""): void {
  const last = parts.at(-1)?.part;
  if (last?.case === "text") last.value += separator + text;
  else parts.push(toTextPart(text));
}

/** A call of an earlier turn. Without arguments it is often written as no text at all, which is no JSON. */
export const toToolCall = (id: string, name: string, argumentsText: string): ToolCall =>
  create(ToolCallSchema, { id, name, argumentsJson: argumentsText === "" ? "{}" : argumentsText });
