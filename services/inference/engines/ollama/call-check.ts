import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { SchemaError } from "../gbnf/index.ts";
import { type CallableTool, schemaFault } from "../tools/tool-use.ts";
import { argumentsSchema } from "../upstream/forced-call.ts";
import { type HeldSchema, holdTo } from "../upstream/held-schema.ts";

/**
 * Looks at a call that the model has made: throws `engine_failed` when the function may not be called here, or when it
 * is strict and its arguments do not match, for nothing held the model to them.
 */
export type CallCheck = (name: string, argumentsJson: string) => void;

/** A check for calls of these functions. Throws `invalid_request` for a strict schema that is beyond us. */
export function checkCalls(tools: readonly CallableTool[], model: string): CallCheck {
  const held = new Map(tools.map((tool) => [tool.name, tool.strict ? hold(tool) : undefined]));
  return (name, argumentsJson) => {
    if (!held.has(name))
      throw new MeshError(
        "engine_failed",
        `\`${model}\` called a function that it may not call here, or that does not exist.`,
      );
    if (held.get(name)?.matches(argumentsJson) === false)
      throw new MeshError(
        "engine_failed",
        `\`${model}\` called \`${name}\` with arguments that do not match its strict schema.`,
      );
  };
}

/** The arguments' schema, to hold a call to. */
export function hold(tool: CallableTool): HeldSchema {
  try {
    return holdTo(argumentsSchema(tool), tool.strict);
  } catch (error) {
    if (error instanceof SchemaError) throw schemaFault(tool, error.message);
    throw error;
  }
}
