import { create } from "@bufbuild/protobuf";
import type { MeshError } from "../../../core/errors/mesh-error.ts";
import {
  ToolChoice_Mode as Mode,
  type OutputFormat,
  OutputFormatSchema,
  type Tool,
  type ToolChoice,
  ToolChoiceSchema,
  ToolSchema,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import * as faults from "../errors/param-faults.ts";
import type { JsonObject } from "../http/json-body.ts";

// Functions and output formats, as OpenAI's surfaces name and check them.

interface FunctionDefinition {
  readonly name: string;
  readonly description?: string | null | undefined;
  readonly parameters?: JsonObject | null | undefined;
  readonly strict?: boolean | null | undefined;
}

/** The longest name of a function or a format, in characters. */
export const longestName = 64;

/** Throws unless OpenAI accepts the name, of a function or a format. */
export function checkName(name: string, param: string): void {
  if (name === "") throw faults.emptyString(param);
  if (name.length > longestName) throw faults.stringTooLong(param, longestName, name.length);
  if (!/^[a-zA-Z0-9_-]+$/.test(name)) throw faults.wrongPattern(param, "^[a-zA-Z0-9_-]+$");
}

/** Validates a function and translates it; `path` is where it is in the request. */
export function toTool({ name, description, parameters, strict }: FunctionDefinition, path: string): Tool {
  checkName(name, `${path}.name`);
  const toFault = (problem: string) => faults.wrongFunctionSchema(`${path}.parameters`, name, problem);
  const parametersJson = parameters ? schemaToJson(parameters, toFault) : "";
  if (parameters?.type !== undefined && parameters.type !== "object")
    throw toFault(
      `schema must be a JSON Schema of 'type: "object"', got 'type: ${JSON.stringify(parameters.type)}'.`,
    );
  return create(ToolSchema, {
    name,
    description: description ?? "",
    parametersJson,
    strict: strict ?? false,
  });
}

/** Throws unless the names differ: calls refer to functions by name. */
export function checkNames(tools: Tool[], param: string): Tool[] {
  const seen = new Set<string>();
  for (const { name } of tools) {
    if (seen.has(name))
      throw faults.wrongValue(param, `Invalid '${param}': there are two functions named '${name}'.`);
    seen.add(name);
  }
  return tools;
}

const modes = { none: Mode.NONE, auto: Mode.AUTO, required: Mode.REQUIRED };

/** Whether the model may or must call a function; `allowedNames`: only one of these. */
export const toToolChoice = (mode: keyof typeof modes, allowedNames: string[] = []): ToolChoice =>
  create(ToolChoiceSchema, { mode: modes[mode], allowedNames });

export const jsonObjectFormat = (): OutputFormat =>
  create(OutputFormatSchema, { format: { case: "jsonObject", value: {} } });

/** JSON that matches a schema, which is checked as by `schemaToJson`. */
export function jsonSchemaFormat(
  name: string,
  schema: JsonObject,
  strict: boolean,
  toFault: (problem: string) => MeshError,
): OutputFormat {
  const schemaJson = schemaToJson(schema, toFault);
  return create(OutputFormatSchema, { format: { case: "jsonSchema", value: { name, schemaJson, strict } } });
}

/** Levels that subschemas may nest; each takes two levels of JSON (`properties`, then the name). */
const schemaDepthLimit = 16;
/** The longest JSON text of a schema, in UTF-16 units. */
const schemaLengthLimit = 64 * 1024;

/**
 * A schema as JSON text, checked before any engine compiles it: its size, its depth and external references. Whether
 * it is supported is up to the engine. Throws a fault of `toFault`, whose `problem` completes "Invalid schema: ".
 */
export function schemaToJson(schema: JsonObject, toFault: (problem: string) => MeshError): string {
  const json = JSON.stringify(schema);
  const problem = findProblem(schema, json);
  if (problem !== undefined) throw toFault(problem);
  return json;
}

function findProblem(schema: JsonObject, json: string): string | undefined {
  if (json.length > schemaLengthLimit)
    return `it is ${json.length} characters long; at most ${schemaLengthLimit} are accepted.`;
  const type = schema.type;
  if (type !== undefined && typeof type !== "string" && !Array.isArray(type))
    return "'type' must be a string or an array of strings.";
  return findInside(schema, 0);
}

function findInside(value: unknown, depth: number): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (depth > 2 * schemaDepthLimit) return `it nests more than ${schemaDepthLimit} levels deep.`;
  for (const [key, inner] of Object.entries(value)) {
    if (key === "$ref" && typeof inner === "string" && !inner.startsWith("#"))
      return "'$ref' may only point into the schema itself, such as '#/$defs/item'.";
    const problem = findInside(inner, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
