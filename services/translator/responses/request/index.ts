import { create } from "@bufbuild/protobuf";
import { z } from "zod";
import {
  type Generation,
  GenerationSchema,
  type OutputFormat,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { emptyArray, wrongMeaning } from "../../errors/param-faults.ts";
import type { JsonObject } from "../../http/json-body.ts";
import { checkBody, defaultRules, type RequestRules, requireModel } from "../../requests/check-body.ts";
import { checkSchema } from "../../requests/json-schema.ts";
import { setGiven } from "../../requests/messages.ts";
import {
  defaultTemperature,
  parseLimits,
  parseSampling,
  toLogprobsRequest,
  toReasoning,
} from "../../requests/sampling.ts";
import { checkName, jsonObjectFormat, jsonSchemaFormat } from "../../requests/tools.ts";
import { refuseUnknownKeys } from "../../requests/unknown-keys.ts";
import type { Item, ItemReference } from "../items.ts";
import { parseItems } from "./parse-items.ts";
import { knownBeside, refuse, refuseMoved } from "./refusals.ts";
import { type ResponseRequestBody, responseRequestSchema } from "./schema.ts";
import { parseToolChoice, parseTools } from "./tools.ts";

/** A request for a response, checked as far as that can be done without what is stored. */
export interface ResponseRequest {
  /** What to generate; without id, caller and messages. */
  readonly generation: Generation;
  /** What the request adds to the conversation. */
  readonly input: readonly (Item | ItemReference)[];
  readonly instructions: string;
  /** Which response it continues. */
  readonly previousResponseId: string | undefined;
  readonly stream: boolean;
  /** Whether it is kept for the key's owner. */
  readonly store: boolean;
  /** Whether the oldest turns may be left out where the conversation does not fit the model's context. */
  readonly mayTruncate: boolean;
  /** Reasoning is shown as a summary, not openly. */
  readonly summarizes: boolean;
  /** What the response object repeats of the request, in OpenAI's names. */
  readonly settings: ResponseSettings;
}

const schema = z.compile(responseRequestSchema);

/**
 * Checks a body against OpenAI's rules and translates it. Throws the first fault: a missing model, parameters that
 * have other names here, where the rules are strict a key that means nothing, then field by field in the order of
 * the schema, then what the fields mean together, then item by item.
 */
export function parseResponseRequest(raw: JsonObject, rules: RequestRules = defaultRules): ResponseRequest {
  requireModel(raw);
  refuseMoved(raw);
  if (rules.strictKeys) refuseUnknownKeys(responseRequestSchema, raw, knownBeside);
  const body = checkBody(schema, raw);
  refuse(raw, body);

  const input = parseItems(body.input ?? [], rules);
  const previousResponseId = body.previous_response_id ?? undefined;
  if (input.length === 0 && previousResponseId === undefined) throw emptyArray("input");
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
    chatTemplateKwargsJson: body.chat_template_kwargs ? JSON.stringify(body.chat_template_kwargs) : "",
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

/** The form of the output, from `text.format`; undefined for free text. */
function parseOutputFormat({ text }: ResponseRequestBody): OutputFormat | undefined {
  const format = text?.format;
  if (format?.type === "json_object") return jsonObjectFormat();
  if (format?.type !== "json_schema") return undefined;
  const { name, schema, strict } = format;
  checkName(name, "text.format.name");
  const { json, problem } = checkSchema(schema);
  if (problem !== undefined)
    throw wrongMeaning("text.format.schema", `Invalid schema for response_format '${name}': ${problem}`);
  return jsonSchemaFormat(name, json, strict ?? false);
}

/** What a response repeats of its request; defaults where the request leaves something out. */
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
    // Without one the engine's own holds, which only the engine knows.
    top_p: body.top_p ?? null,
    truncation: body.truncation ?? "disabled",
    user: body.user ?? null,
    metadata: body.metadata ?? {},
  };
}

const summaryOf = ({ reasoning }: ResponseRequestBody) =>
  reasoning?.summary ?? reasoning?.generate_summary ?? null;
