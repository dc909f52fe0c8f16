import { parseJson } from "../../../../../core/json.ts";
import type { Generation } from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { SchemaError } from "../../gbnf/index.ts";
import { toMatcher } from "../../upstream/held-schema.ts";

/** A call that the model made. */
export interface MadeCall {
  readonly name: string;
  readonly argumentsJson: string;
}

/**
 * What is wrong with the form of a complete answer, in words that follow "the engine"; undefined if nothing is. Some
 * servers silently ignore the form, or parts of a schema. A schema that cannot be checked is left to the server.
 */
export function formFault(
  { outputFormat, tools }: Generation,
  text: string,
  calls: readonly MadeCall[],
): string | undefined {
  for (const { name, argumentsJson } of calls) {
    const tool = tools.find((known) => known.name === name);
    if (tool?.strict === true && !keepsTo(tool.parametersJson || anyObject, argumentsJson))
      return `called \`${name}\` with arguments that do not match its strict schema`;
  }
  // Only answers without calls have a form.
  if (calls.length > 0 || outputFormat?.format.case === undefined) return undefined;
  if (parseJson(text) === undefined) return "answered with text that is not the JSON that it was asked for";
  const { format } = outputFormat;
  return format.case === "jsonSchema" && format.value.strict && !keepsTo(format.value.schemaJson, text)
    ? "answered with JSON that does not match the schema that it was held to"
    : undefined;
}

const anyObject = '{"type":"object"}';

function keepsTo(schemaJson: string, text: string): boolean {
  try {
    return toMatcher(parseJson(schemaJson))(text);
  } catch (error) {
    if (error instanceof SchemaError) return true;
    throw error;
  }
}
