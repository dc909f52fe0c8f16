import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import {
  type Generation,
  type OutputFormat,
  type Tool,
  ToolChoice_Mode,
} from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { readToolUse } from "../../tools/tool-use.ts";
import { type ForcedCall, forceCall } from "../../upstream/forced-call.ts";
import { type Json, type JsonObject, JsonText } from "./json.ts";

/** The functions that an answer may call. */
export function callableTools({ tools, toolChoice }: Generation): readonly Tool[] {
  if (toolChoice?.mode === ToolChoice_Mode.NONE) return [];
  const allowed = toolChoice?.allowedNames ?? [];
  return allowed.length === 0 ? tools : tools.filter(({ name }) => allowed.includes(name));
}

/** Functions; forbidden ones are left out and a named one goes alone, because servers ignore such choices. */
export function toToolMembers(generation: Generation): JsonObject {
  const tools = callableTools(generation);
  if (tools.length === 0) return {};
  return {
    tools: tools.map(toTool),
    tool_choice: generation.toolChoice?.mode === ToolChoice_Mode.REQUIRED ? "required" : "auto",
    // By default the server decides.
    parallel_tool_calls: generation.parallelToolCalls,
  };
}

const toTool = ({ name, description, parametersJson, strict }: Tool): JsonObject => ({
  type: "function",
  function: {
    name,
    description: description || undefined,
    parameters:
      parametersJson === ""
        ? { type: "object", properties: {} }
        : parsed(parametersJson, `the parameters of \`${name}\``, "tools"),
    strict: strict || undefined,
  },
});

/** The form of the text; undefined for free text. */
export function toResponseFormat(format: OutputFormat | undefined): JsonObject | undefined {
  if (format?.format.case === "jsonObject") return { type: "json_object" };
  if (format?.format.case !== "jsonSchema") return undefined;
  const { name, schemaJson, strict } = format.format.value;
  const schema = parsed(schemaJson, "the schema", "response_format");
  return { type: "json_schema", json_schema: { name: name || "answer", schema, strict } };
}

/** Foreign text goes into a body only if it is valid JSON: otherwise it could inject members. */
function parsed(text: string, what: string, param: string): Json {
  try {
    JSON.parse(text);
    return new JsonText(text);
  } catch (error) {
    throw new MeshError("invalid_request", `Invalid '${param}': ${what} must be valid JSON.`, {
      param,
      cause: error,
    });
  }
}

/** The required call, where a schema must enforce it. Throws `invalid_request`. */
export function readForced(generation: Generation, bySchema: boolean): ForcedCall | undefined {
  if (!bySchema || generation.toolChoice?.mode !== ToolChoice_Mode.REQUIRED) return undefined;
  return forceCall(readToolUse(generation).callable);
}

/** The members that enforce the call. */
export const toForcedMembers = ({ schema }: ForcedCall): JsonObject => ({
  response_format: {
    type: "json_schema",
    json_schema: { name: "call", schema: new JsonText(JSON.stringify(schema)), strict: true },
  },
});
