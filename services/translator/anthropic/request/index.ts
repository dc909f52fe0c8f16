import { create } from "@bufbuild/protobuf";
import { z } from "zod";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import {
  type Generation,
  GenerationSchema,
  type OutputFormat,
  type Reasoning,
  type Tool,
  type ToolChoice,
  ToolSchema,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { JsonObject } from "../../http/json-body.ts";
import type { RemoteImage } from "../../images/parse-image.ts";
import { checkBody, defaultRules, type RequestRules } from "../../requests/check-body.ts";
import { setGiven } from "../../requests/messages.ts";
import { parseLimits, parseSampling, toReasoning } from "../../requests/sampling.ts";
import { jsonSchemaFormat, schemaToJson, toToolChoice } from "../../requests/tools.ts";
import { findUnknownKey } from "../../requests/unknown-keys.ts";
import { isGiven } from "../../requests/vocabulary.ts";
import { anthropic, fault, threadUnsupported } from "../errors.ts";
import { parseMessages } from "./messages.ts";
import { type MessagesRequestBody, messagesRequestSchema } from "./schema.ts";

/** A validated request for a message. */
export interface MessagesRequest {
  /** Without id and caller. */
  readonly generation: Generation;
  readonly remoteImages: readonly RemoteImage[];
  readonly stream: boolean;
  readonly showsThinking: boolean;
  readonly maxTokens: number;
}

const schema = z.compile(messagesRequestSchema);

/**
 * Validates a body and translates it. Throws the first fault: unsupported parameters, unknown keys where the rules
 * are strict, then each field in the schema's order, then contradictions between fields.
 */
export function parseMessagesRequest(raw: JsonObject, rules: RequestRules = defaultRules): MessagesRequest {
  for (const [name, hint] of Object.entries(refused)) if (isGiven(raw[name])) throw fault(name, hint);
  if (isGiven(raw.thread)) throw noThreads();
  const unknown = rules.strictKeys ? findUnknownKey(messagesRequestSchema, raw) : undefined;
  if (unknown !== undefined) throw anthropic.unknownKey(anthropic.toPath(unknown.path));
  const body = checkBody(schema, raw, anthropic);

  const remote: RemoteImage[] | undefined = rules.fetchImages ? [] : undefined;
  const generation = create(GenerationSchema, {
    model: body.model,
    messages: parseMessages(body, remote),
    sampling: parseSampling(body),
    limits: parseLimits(body.max_tokens, body.stop_sequences),
  });
  parseTools(body, generation);
  setGiven(generation, { reasoning: parseThinking(body), outputFormat: parseFormat(body) });
  return {
    generation,
    remoteImages: remote ?? [],
    stream: body.stream ?? false,
    showsThinking: !(body.thinking && "display" in body.thinking && body.thinking.display === "omitted"),
    maxTokens: body.max_tokens,
  };
}

/** Unsupported parameters of Anthropic's, and what to do instead. */
const refused: Readonly<Record<string, string>> = {
  mcp_servers:
    "MCP servers are not supported here. Call them from the client and offer what they do as tools",
  container: "Containers are not supported here",
  context_management: "Context management is not supported here. Shorten the conversation before sending it",
  inference_geo: "The region of the computation cannot be chosen here",
  diagnostics: "Diagnostics are not supported here",
};

/** The error by which Anthropic's SDK knows that it must send whole conversations. */
const noThreads = (): MeshError =>
  new MeshError("invalid_request", "thread: Conversations are not stored here. Send all of their messages", {
    code: threadUnsupported,
    param: "thread",
  });

/**
 * The reasoning effort. Generations have no token budgets, so a budget becomes an effort; an explicit effort takes
 * precedence.
 */
function parseThinking({ thinking, output_config, max_tokens }: MessagesRequestBody): Reasoning | undefined {
  const effort = output_config?.effort ?? undefined;
  switch (thinking?.type) {
    case "enabled":
      if (thinking.budget_tokens >= max_tokens)
        throw fault("max_tokens", "`max_tokens` must be greater than `thinking.budget_tokens`.");
      return toReasoning(effort ?? toEffort(thinking.budget_tokens), true);
    case "disabled":
      return toReasoning("none", false);
    default:
      return toReasoning(effort);
  }
}

const toEffort = (budgetTokens: number): string =>
  budgetTokens < 4096 ? "low" : budgetTokens < 16_384 ? "medium" : "high";

function parseFormat({ output_config }: MessagesRequestBody): OutputFormat | undefined {
  const format = output_config?.format;
  if (!format) return undefined;
  const toFault = (problem: string) => fault("output_config.format.schema", problem);
  return jsonSchemaFormat("output", format.schema, true, toFault);
}

/** Translates `tools` and `tool_choice` into a generation. Throws the first fault. */
function parseTools({ tools: given, tool_choice }: MessagesRequestBody, generation: Generation): void {
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
  const parametersJson = schemaToJson(input_schema, (problem) => fault(`${path}.input_schema`, problem));
  return create(ToolSchema, {
    name,
    description: description ?? "",
    parametersJson,
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
