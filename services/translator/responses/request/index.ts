import { create } from "@bufbuild/protobuf";
import { z } from "zod";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import {
  type Generation,
  GenerationSchema,
  type OutputFormat,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import * as faults from "../../errors/param-faults.ts";
import type { JsonObject } from "../../http/json-body.ts";
import {
  checkBody,
  defaultRules,
  type RequestRules,
  refuseMuchMetadata,
  refuseStreamOptions,
  requireModel,
} from "../../requests/check-body.ts";
import { setGiven } from "../../requests/messages.ts";
import {
  defaultTemperature,
  parseLimits,
  parseSampling,
  parseTemplateKwargs,
  toLogprobsRequest,
  toReasoning,
} from "../../requests/sampling.ts";
import { checkName, jsonObjectFormat, jsonSchemaFormat } from "../../requests/tools.ts";
import { refuseUnknownKeys } from "../../requests/unknown-keys.ts";
import { isGiven } from "../../requests/vocabulary.ts";
import type { Item, ItemReference } from "../items.ts";
import { parseItems } from "./parse-items.ts";
import { type ResponseRequestBody, responseRequestSchema } from "./schema.ts";
import { parseToolChoice, parseTools } from "./tools.ts";

/** A request that is validated as far as possible without the store. */
export interface ResponseRequest {
  /** Without id, caller and messages. */
  readonly generation: Generation;
  /** Added to the conversation by this request. */
  readonly input: readonly (Item | ItemReference)[];
  readonly instructions: string;
  readonly previousResponseId: string | undefined;
  readonly stream: boolean;
  readonly store: boolean;
  /** Whether the oldest turns may be dropped to fit the model's context. */
  readonly mayTruncate: boolean;
  /** Whether reasoning is shown as a summary. */
  readonly summarizes: boolean;
  /** The request's parameters in the response object. */
  readonly settings: ResponseSettings;
}

const schema = z.compile(responseRequestSchema);

/**
 * Validates a body and translates it. Throws the first fault: a missing model, parameters that were renamed, unknown
 * keys where the rules are strict, then each field in the schema's order, then contradictions between fields, then
 * each item.
 */
export function parseResponseRequest(raw: JsonObject, rules: RequestRules = defaultRules): ResponseRequest {
  requireModel(raw);
  refuseMoved(raw);
  if (rules.strictKeys) refuseUnknownKeys(responseRequestSchema, raw, knownOutsideSchema);
  refuseMuchMetadata(raw);
  const body = checkBody(schema, raw);
  refuse(raw, body);

  const input = parseItems(body.input ?? [], rules);
  const previousResponseId = body.previous_response_id ?? undefined;
  if (input.length === 0 && previousResponseId === undefined) throw faults.emptyArray("input");
  return {
    generation: toGeneration(body),
    input,
    instructions: body.instructions ?? "",
    previousResponseId,
    stream: body.stream ?? false,
    store: body.store ?? true,
    mayTruncate: body.truncation === "auto",
    summarizes: summaryOf(body) !== null,
    settings: toSettings(body),
  };
}

function toGeneration(body: ResponseRequestBody): Generation {
  const tools = parseTools(body.tools);
  const generation = create(GenerationSchema, {
    model: body.model,
    tools,
    sampling: parseSampling(body),
    limits: parseLimits(body.max_output_tokens, body.stop),
    chatTemplateKwargsJson: parseTemplateKwargs(body.chat_template_kwargs),
  });
  const top = body.top_logprobs ?? 0;
  const wantsLogprobs = top > 0 || body.include?.includes("message.output_text.logprobs");
  return setGiven(generation, {
    toolChoice: parseToolChoice(body.tool_choice, tools),
    parallelToolCalls: tools.length > 0 ? body.parallel_tool_calls : undefined,
    outputFormat: parseOutputFormat(body),
    logprobs: wantsLogprobs ? toLogprobsRequest(top) : undefined,
    reasoning: toReasoning(body.reasoning?.effort),
  });
}

/** The output format from `text.format`; undefined for text. */
function parseOutputFormat({ text }: ResponseRequestBody): OutputFormat | undefined {
  const format = text?.format;
  if (format?.type === "json_object") return jsonObjectFormat();
  if (format?.type !== "json_schema") return undefined;
  const { name, schema, strict } = format;
  checkName(name, "text.format.name");
  return jsonSchemaFormat(name, schema, strict ?? false, (problem) =>
    faults.wrongMeaning("text.format.schema", `Invalid schema for response_format '${name}': ${problem}`),
  );
}

/** The parameters that a response repeats, with defaults. */
export type ResponseSettings = ReturnType<typeof toSettings>;

function toSettings(body: ResponseRequestBody) {
  return {
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: body.max_tool_calls ?? null,
    model: body.model,
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: body.previous_response_id ?? null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    reasoning: { effort: body.reasoning?.effort ?? null, summary: summaryOf(body) },
    safety_identifier: body.safety_identifier ?? null,
    store: body.store ?? true,
    temperature: body.temperature ?? defaultTemperature,
    text: { format: body.text?.format ?? { type: "text" }, verbosity: body.text?.verbosity ?? "medium" },
    tool_choice: body.tool_choice ?? "auto",
    tools: (body.tools ?? []).map(({ type, name, description, parameters, strict }) => ({
      type,
      description: description ?? null,
      name: name ?? undefined,
      parameters: parameters ?? null,
      strict: strict ?? false,
    })),
    top_logprobs: body.top_logprobs ?? 0,
    // The default is the engine's, which is not known here.
    top_p: body.top_p ?? null,
    truncation: body.truncation ?? "disabled",
    user: body.user ?? null,
    metadata: body.metadata ?? {},
  };
}

const summaryOf = ({ reasoning }: ResponseRequestBody) =>
  reasoning?.summary ?? reasoning?.generate_summary ?? null;

/** Parameters that would change the answer and are not supported. */
const refused = [
  "conversation",
  "prompt",
  "moderation",
  "context_management",
  // Of chat completions.
  "n",
  "logit_bias",
  "audio",
  "modalities",
  "prediction",
  "web_search_options",
];

/** Parameters of chat completions, and their names here. */
const moved: readonly (readonly [string, string])[] = [
  ["messages", "input"],
  ["max_tokens", "max_output_tokens"],
  ["max_completion_tokens", "max_output_tokens"],
  ["response_format", "text.format"],
  ["reasoning_effort", "reasoning.effort"],
  ["verbosity", "text.verbosity"],
  ["functions", "tools"],
  ["function_call", "tool_choice"],
  ["logprobs", "top_logprobs"],
];

const knownOutsideSchema: readonly string[] = [...refused, ...moved.map(([name]) => name)];

function refuse(raw: JsonObject, body: ResponseRequestBody): void {
  for (const name of refused) if (isGiven(raw[name])) throw faults.unsupportedParameter(name);
  if (body.background === true) throw faults.unsupportedValue("background", "true", "'false'");
  if (body.prompt_cache_options?.prewarm === true)
    throw faults.unsupportedParameter("prompt_cache_options.prewarm");
  refuseReasoning(body);
  refuseStreamOptions(body);
  if (!isGiven(body.input) && !isGiven(body.previous_response_id)) throw faults.missing("input");
}

/** Throws for the first parameter that was renamed. */
function refuseMoved(raw: JsonObject): void {
  for (const [name, to] of moved)
    if (isGiven(raw[name]))
      throw new MeshError(
        "invalid_request",
        `Unsupported parameter: '${name}'. In the Responses API, this parameter has moved to '${to}'. Try again with the new parameter.`,
        { code: "unsupported_parameter", param: name },
      );
}

/** Reasoning is passed on unchanged: not summarized, selected or repeated. */
function refuseReasoning({ reasoning }: ResponseRequestBody): void {
  if (!reasoning) return;
  for (const name of ["summary", "generate_summary"] as const)
    if (reasoning[name] === "concise")
      throw faults.unsupportedValue(`reasoning.${name}`, "concise", "'auto' or 'detailed'");
  if (isGiven(reasoning.context) && reasoning.context !== "auto")
    throw faults.unsupportedValue("reasoning.context", reasoning.context, "'auto'");
  if (isGiven(reasoning.mode) && reasoning.mode !== "standard")
    throw faults.unsupportedValue("reasoning.mode", reasoning.mode.slice(0, 64), "'standard'");
}
