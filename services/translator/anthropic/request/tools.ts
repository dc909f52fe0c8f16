import { create } from "@bufbuild/protobuf";
import {
  type Generation,
  type Tool,
  type ToolChoice,
  ToolSchema,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { checkSchema } from "../../requests/json-schema.ts";
import { toToolChoice } from "../../requests/tools.ts";
import { fault } from "../errors.ts";
import type { MessagesRequestBody } from "./schema.ts";

/** Translates `tools` and `tool_choice` into a generation. Throws the first fault. */
export function parseTools({ tools: given, tool_choice }: MessagesRequestBody, generation: Generation): void {
  const tools = (given ?? []).map((tool, index) => toTool(tool, `tools.${index}`));
  const names = new Set(tools.map(({ name }) => name));
  if (names.size < tools.length) throw fault("tools", "Tool names must be unique.");
  generation.tools = tools;
  if (!tool_choice) return;
  if (tools.length === 0 && tool_choice.type !== "none")
    throw fault("tool_choice", "`tool_choice` may only be specified while providing `tools`.");
  if (tool_choice.type === "tool" && !names.has(tool_choice.name))
    throw fault("tool_choice", `Tool '${tool_choice.name.slice(0, 128)}' not found in provided tools`);
  if (tools.length === 0) return;
  generation.toolChoice = toChoice(tool_choice);
  if (tool_choice.type !== "none" && tool_choice.disable_parallel_tool_use)
    generation.parallelToolCalls = false;
}

type AnthropicTool = NonNullable<MessagesRequestBody["tools"]>[number];

function toTool(tool: AnthropicTool, path: string): Tool {
  const { type, name, description, input_schema, strict } = tool;
  if (type && type !== "custom")
    throw fault(
      `${path}.type`,
      `Tools of type '${type.slice(0, 100)}' are not supported here. Define a tool of your own with 'name', 'description' and 'input_schema'`,
    );
  refuseExtras(tool, path);
  if (!/^[a-zA-Z0-9_-]{1,128}$/.test(name))
    throw fault(`${path}.name`, "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'");
  if (!input_schema) throw fault(`${path}.input_schema`, "Field required");
  if (input_schema.type !== "object") throw fault(`${path}.input_schema.type`, "Input should be 'object'");
  const { json, problem } = checkSchema(input_schema);
  if (problem !== undefined) throw fault(`${path}.input_schema`, problem);
  return create(ToolSchema, {
    name,
    description: description ?? "",
    parametersJson: json,
    strict: strict ?? false,
  });
}

/** Rejects options that change which tools the model sees or who may call them. */
function refuseExtras({ defer_loading, allowed_callers, input_examples }: AnthropicTool, path: string): void {
  if (defer_loading) throw fault(`${path}.defer_loading`, "Tools are always loaded here");
  const caller = allowed_callers?.find((name) => name !== "direct");
  if (caller !== undefined)
    throw fault(`${path}.allowed_callers`, `Calls by '${caller.slice(0, 100)}' are not supported here`);
  if (input_examples && input_examples.length > 0)
    throw fault(
      `${path}.input_examples`,
      "Examples of inputs are not supported here. Put them into the description",
    );
}

type Choice = NonNullable<MessagesRequestBody["tool_choice"]>;

const modes = { auto: "auto", any: "required", tool: "required", none: "none" } as const;

const toChoice = (choice: Choice): ToolChoice =>
  toToolChoice(modes[choice.type], choice.type === "tool" ? [choice.name] : []);
