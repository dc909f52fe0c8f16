import type { Tool, ToolChoice } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { emptyArray, wrongMeaning, wrongValue } from "../../errors/param-faults.ts";
import { checkNames, longestName, toTool, toToolChoice } from "../../requests/tools.ts";
import type { ChatRequestBody } from "./schema.ts";

interface ParsedTools {
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
  const known = (name: string) => checkKnown(name, tools, "tool_choice", "tools");
  if (choice.type === "function") return toToolChoice("required", [known(choice.function.name)]);
  const { mode, tools: allowed } = choice.allowed_tools;
  if (allowed.length === 0) throw emptyArray("tool_choice.allowed_tools.tools");
  return toToolChoice(
    mode,
    allowed.map((tool) => known(tool.function.name)),
  );
}

function parseFunctionCall(
  choice: ChatRequestBody["function_call"],
  tools: readonly Tool[],
): ToolChoice | undefined {
  if (!choice) return undefined;
  if (typeof choice === "string") return toToolChoice(choice);
  return toToolChoice("required", [checkKnown(choice.name, tools, "function_call", "functions")]);
}

function checkKnown(name: string, tools: readonly Tool[], param: string, table: string): string {
  if (tools.some((tool) => tool.name === name)) return name;
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
