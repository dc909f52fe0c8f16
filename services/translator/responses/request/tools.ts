import type { Tool, ToolChoice } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import * as faults from "../../errors/param-faults.ts";
import { checkNames, longestName, toTool, toToolChoice } from "../../requests/tools.ts";
import { isGiven } from "../../requests/vocabulary.ts";
import type { ResponseRequestBody } from "./schema.ts";

type RequestedTool = NonNullable<ResponseRequestBody["tools"]>[number];
type RequestedChoice = NonNullable<ResponseRequestBody["tool_choice"]>;

/** Parses `tools`: functions only. OpenAI's hosted tools are rejected by name. */
export function parseTools(requested: ResponseRequestBody["tools"]): Tool[] {
  return checkNames(
    (requested ?? []).map((tool, index) => parseTool(tool, `tools[${index}]`)),
    "tools",
  );
}

function parseTool(tool: RequestedTool, path: string): Tool {
  if (tool.type !== "function") throw notFunction(`${path}.type`, tool.type);
  const { name } = tool;
  if (!isGiven(name)) throw faults.missing(`${path}.name`);
  if (tool.defer_loading === true) throw faults.unsupportedParameter(`${path}.defer_loading`);
  if (tool.async === true) throw faults.unsupportedParameter(`${path}.async`);
  return toTool({ ...tool, name }, path);
}

/** Parses `tool_choice`; undefined leaves the choice to the model. */
export function parseToolChoice(
  choice: ResponseRequestBody["tool_choice"],
  tools: readonly Tool[],
): ToolChoice | undefined {
  if (!choice) return undefined;
  if (tools.length === 0) {
    if (choice === "auto" || choice === "none") return undefined;
    throw faults.wrongMeaning(
      "tool_choice",
      `Tool choice '${nameOf(choice)}' must be specified with 'tools' parameter.`,
    );
  }
  if (typeof choice === "string") return toToolChoice(choice);
  switch (choice.type) {
    case "function":
      return toToolChoice("required", [checkKnown(choice.name, "tool_choice.name", tools)]);
    case "allowed_tools":
      return parseAllowed(choice, tools);
    default:
      throw notFunction("tool_choice.type", choice.type);
  }
}

function parseAllowed({ mode, tools: allowed }: Exclude<RequestedChoice, string>, tools: readonly Tool[]) {
  if (!mode) throw faults.missing("tool_choice.mode");
  if (!allowed) throw faults.missing("tool_choice.tools");
  if (allowed.length === 0) throw faults.emptyArray("tool_choice.tools");
  const names = allowed.map(({ type, name }, index) => {
    const path = `tool_choice.tools[${index}]`;
    if (type !== "function") throw notFunction(`${path}.type`, type);
    return checkKnown(name, `${path}.name`, tools);
  });
  return toToolChoice(mode, names);
}

function checkKnown(name: string | null | undefined, path: string, tools: readonly Tool[]): string {
  if (!isGiven(name)) throw faults.missing(path);
  if (tools.some((tool) => tool.name === name)) return name;
  throw faults.wrongMeaning(
    "tool_choice",
    `Tool choice '${name.slice(0, longestName)}' not found in 'tools' parameter.`,
  );
}

const nameOf = (choice: RequestedChoice): string =>
  typeof choice === "string" ? choice : choice.type.slice(0, longestName);

const notFunction = (path: string, type: string) =>
  faults.unsupportedValue(path, type.slice(0, longestName), "'function'");
