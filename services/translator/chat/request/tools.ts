import { create } from "@bufbuild/protobuf";
import {
  ToolChoice_Mode as Mode,
  type Tool,
  type ToolChoice,
  ToolChoiceSchema,
  ToolSchema,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { emptyArray, wrongFunctionSchema, wrongMeaning, wrongValue } from "../../errors/param-faults.ts";
import { checkSchema } from "./json-schema.ts";
import { checkName, longestName } from "./names.ts";
import type { ChatRequestBody } from "./schema.ts";

/** The functions of a request, in whichever of the two forms it uses. */
export interface ParsedTools {
  readonly tools: Tool[];
  readonly toolChoice: ToolChoice | undefined;
  /** The request used `functions`: the answer must use `function_call`. */
  readonly legacy: boolean;
}

/** Reads `tools` and `tool_choice`, or their legacy forms `functions` and `function_call`. */
export function parseTools(body: ChatRequestBody): ParsedTools {
  if (body.functions) {
    if (body.tools)
      throw wrongValue("functions", "Invalid parameter: 'functions' cannot be used together with 'tools'.");
    const tools = checkNames(
      body.functions.map((definition, index) => toTool(definition, `functions[${index}]`)),
      "functions",
    );
    return { tools, toolChoice: parseFunctionCall(body.function_call, tools), legacy: true };
  }
  if (body.function_call) throw needs("function_call", "functions");
  if (!body.tools) {
    if (body.tool_choice) throw needs("tool_choice", "tools");
    return { tools: [], toolChoice: undefined, legacy: false };
  }
  const tools = checkNames(
    body.tools.map((tool, index) => toTool(tool.function, `tools[${index}].function`)),
    "tools",
  );
  return { tools, toolChoice: parseToolChoice(body.tool_choice, tools), legacy: false };
}

type FunctionDefinition = NonNullable<ChatRequestBody["tools"]>[number]["function"];

/** Checks a function and translates it; `path` is where its keys are. */
export function toTool({ name, description, parameters, strict }: FunctionDefinition, path: string): Tool {
  checkName(name, `${path}.name`);
  const schema = parameters ? checkSchema(parameters) : undefined;
  if (schema?.problem !== undefined) throw wrongFunctionSchema(`${path}.parameters`, name, schema.problem);
  if (parameters?.type !== undefined && parameters.type !== "object")
    throw wrongFunctionSchema(
      `${path}.parameters`,
      name,
      `schema must be a JSON Schema of 'type: "object"', got 'type: ${JSON.stringify(parameters.type)}'.`,
    );
  return create(ToolSchema, {
    name,
    description: description ?? "",
    parametersJson: schema?.json ?? "",
    strict: strict ?? false,
  });
}

/** An answer names the function it calls, so names must differ. */
export function checkNames(tools: Tool[], param: string): Tool[] {
  const seen = new Set<string>();
  for (const { name } of tools) {
    if (seen.has(name))
      throw wrongValue(param, `Invalid '${param}': there are two functions named '${name}'.`);
    seen.add(name);
  }
  return tools;
}

function parseToolChoice(
  choice: ChatRequestBody["tool_choice"],
  tools: readonly Tool[],
): ToolChoice | undefined {
  if (!choice) return undefined;
  if (typeof choice === "string") return toChoice(modes[choice]);
  if (choice.type === "function") return toNamedChoice(choice.function.name, tools, "tool_choice", "tools");
  const { mode, tools: allowed } = choice.allowed_tools;
  if (allowed.length === 0) throw emptyArray("tool_choice.allowed_tools.tools");
  const names = allowed.map((tool) => tool.function.name);
  for (const name of names) checkKnown(name, tools, "tool_choice", "tools");
  return toChoice(modes[mode], names);
}

function parseFunctionCall(
  choice: ChatRequestBody["function_call"],
  tools: readonly Tool[],
): ToolChoice | undefined {
  if (!choice) return undefined;
  return typeof choice === "string"
    ? toChoice(modes[choice])
    : toNamedChoice(choice.name, tools, "function_call", "functions");
}

const modes = { none: Mode.NONE, auto: Mode.AUTO, required: Mode.REQUIRED };

const toChoice = (mode: Mode, allowedNames: string[] = []): ToolChoice =>
  create(ToolChoiceSchema, { mode, allowedNames });

function toNamedChoice(name: string, tools: readonly Tool[], param: string, table: string): ToolChoice {
  checkKnown(name, tools, param, table);
  return toChoice(Mode.REQUIRED, [name]);
}

function checkKnown(name: string, tools: readonly Tool[], param: string, table: string): void {
  if (!tools.some((tool) => tool.name === name))
    throw wrongMeaning(
      param,
      `Invalid value for '${param}': no function named '${name.slice(0, longestName)}' was specified in the '${table}' parameter.`,
    );
}

const needs = (param: string, table: string) =>
  wrongMeaning(
    param,
    `Invalid value for '${param}': '${param}' is only allowed when '${table}' are specified.`,
  );
