import { randomBytes } from "node:crypto";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import {
  type Generation,
  type ToolCallDelta,
  ToolChoice_Mode,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { parseCallerJson } from "../text/caller-json.ts";

/** A tool with its schema parsed. */
export interface CallableTool {
  readonly name: string;
  readonly description: string;
  /** JSON schema of the arguments; undefined for none. */
  readonly parameters: unknown;
  readonly strict: boolean;
  /** The request parameter, for errors. */
  readonly param: string;
}

/** Which tools a generation offers, and how it may use them. */
export interface ToolUse {
  /** `none`: there are none, or calls are forbidden. */
  readonly mode: "none" | "auto" | "required";
  readonly offered: readonly CallableTool[];
  readonly callable: readonly CallableTool[];
  readonly maxCalls: number;
  readonly forbidden: boolean;
}

/** Reads tools and tool choice. Throws `invalid_request` for invalid schemas and unknown names. */
export function readToolUse(generation: Generation): ToolUse {
  const { toolChoice, parallelToolCalls } = generation;
  const offered = generation.tools.map(readTool);
  const mode = toolChoice?.mode ?? ToolChoice_Mode.AUTO;
  if (offered.length === 0 || mode === ToolChoice_Mode.NONE) {
    if (mode === ToolChoice_Mode.REQUIRED) throw noTools();
    // Tools are not described to a model that may not call them: it would be tempted.
    const forbidden = mode === ToolChoice_Mode.NONE;
    return { mode: "none", offered: [], callable: [], maxCalls: 0, forbidden };
  }
  const allowed = toolChoice?.allowedNames ?? [];
  const callable = allowed.length === 0 ? offered : allowed.map((name) => find(offered, name));
  const required = mode === ToolChoice_Mode.REQUIRED;
  const one = parallelToolCalls === false || (required && allowed.length === 1);
  const maxCalls = one ? 1 : callsLimit;
  return { mode: required ? "required" : "auto", offered, callable, maxCalls, forbidden: false };
}

/** The fault of a tool's schema, in OpenAI's words. */
export const schemaFault = ({ name, param }: CallableTool, reason: string): MeshError =>
  new MeshError("invalid_request", `Invalid schema for function '${name}': ${reason}.`, {
    code: "invalid_function_parameters",
    param,
  });

function readTool(
  { name, description, parametersJson, strict }: Generation["tools"][number],
  index: number,
): CallableTool {
  const tool = { name, description, strict, param: `tools[${index}].function.parameters` };
  if (parametersJson === "") return { ...tool, parameters: undefined };
  try {
    return { ...tool, parameters: parseCallerJson(parametersJson) };
  } catch {
    throw schemaFault({ ...tool, parameters: undefined }, "it is not JSON, or nested too deeply");
  }
}

function find(tools: readonly CallableTool[], name: string): CallableTool {
  const tool = tools.find((one) => one.name === name);
  if (tool !== undefined) return tool;
  throw new MeshError("invalid_request", `Tool choice names \`${name}\`, which is not one of the 'tools'.`, {
    param: "tool_choice",
  });
}

const noTools = () =>
  new MeshError(
    "invalid_request",
    "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
    { param: "tool_choice" },
  );

/** OpenAI's SDK gives up on answers with more. */
const callsLimit = 128;

/** A piece of a tool call; only the first has id and name. A literal, since `create` takes 20 times as long. */
export const toolCallDelta = (
  index: number,
  id: string,
  name: string,
  argumentsJson: string,
): ToolCallDelta => ({ $typeName: "cxmpute.generation.v1.ToolCallDelta", index, id, name, argumentsJson });

/** An id for a call that the upstream left without one. */
export const newCallId = (): string => `call_${randomBytes(12).toString("hex")}`;
