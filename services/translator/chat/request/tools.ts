import type { Tool, ToolChoice } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { emptyArray, wrongMeaning, wrongValue } from "../../errors/param-faults.ts";
import { checkNames, longestName, toTool, toToolChoice } from "../../requests/tools.ts";
import type { ChatRequestBody } from "./schema.ts";

export interface ParsedTools {
  readonly tools: Tool[];
  readonly toolChoice: ToolChoice | undefined;
  /** Whether the request used `functions`, so that the answer must use `function_call`. */
  readonly legacy: boolean;
}

/** Reads `tools` and `tool_choice`, or their legacy forms `functions` and `function_call`. */
export function parseTools(body: ChatRequestBody): ParsedTools {
  const { functions, function_call: call, tools: given, tool_choice: choice } = body;
  if (functions) {
    if (given)
      throw wrongValue("functions", "Invalid parameter: 'functions' cannot be used together with 'tools'.");
    const read = functions.map((definition, index) => toTool(definition, `functions[${index}]`));
    const tools = checkNames(read, "functions");
    return { tools, toolChoice: parseFunctionCall(call, tools), legacy: true };
  }
  if (call) throw needs("function_call", "functions");
  if (choice && !given) throw needs("tool_choice", "tools");
  const read = (given ?? []).map((tool, index) => toTool(tool.function, `tools[${index}].function`));
  const tools = checkNames(read, "tools");
  return { tools, toolChoice: parseToolChoice(choice, tools), legacy: false };
}

function parseToolChoice(
  choice: ChatRequestBody["tool_choice"],
  tools: readonly Tool[],
): ToolChoice | undefined {
  if (!choice) return undefined;
  if (typeof choice === "string") return toToolChoice(choice);
  if (choice.type === "function") return toNamedChoice(choice.function.name, tools, "tool_choice", "tools");
  const { mode, tools: allowed } = choice.allowed_tools;
  if (allowed.length === 0) throw emptyArray("tool_choice.allowed_tools.tools");
  const names = allowed.map((tool) => tool.function.name);
  for (const name of names) checkKnown(name, tools, "tool_choice", "tools");
  return toToolChoice(mode, names);
}

function parseFunctionCall(
  choice: ChatRequestBody["function_call"],
  tools: readonly Tool[],
): ToolChoice | undefined {
  if (!choice) return undefined;
  return typeof choice === "string"
    ? toToolChoice(choice)
    : toNamedChoice(choice.name, tools, "function_call", "functions");
}

function toNamedChoice(name: string, tools: readonly Tool[], param: string, table: string): ToolChoice {
  checkKnown(name, tools, param, table);
  return toToolChoice("required", [name]);
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
