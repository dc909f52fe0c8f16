import { create } from "@bufbuild/protobuf";
import { z } from "zod";
import { longest } from "../../../../core/generation/bounds.ts";
import {
  type Generation,
  GenerationSchema,
  type Message,
  type OutputFormat,
  type ResumePoint,
  Role,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  stringTooLong,
  unsupportedParameter,
  unsupportedValue,
  wrongMeaning,
} from "../../errors/param-faults.ts";
import type { JsonObject } from "../../http/json-body.ts";
import type { RemoteImage } from "../../images/parse-image.ts";
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
  parseLimits,
  parseSampling,
  parseTemplateKwargs,
  refuseManyBiases,
  toLogprobsRequest,
  toReasoning,
} from "../../requests/sampling.ts";
import { checkName, jsonObjectFormat, jsonSchemaFormat } from "../../requests/tools.ts";
import { refuseUnknownKeys } from "../../requests/unknown-keys.ts";
import { outputConstraints } from "../../requests/vocabulary.ts";
import { parseMessages } from "./messages.ts";
import { type ChatRequestBody, chatRequestSchema } from "./schema.ts";
import { parseTools } from "./tools.ts";

/** A validated chat completion request. */
export interface ChatRequest {
  /** Without id and caller, which `fanOut` adds. */
  readonly generation: Generation;
  readonly remoteImages: readonly RemoteImage[];
  readonly choices: number;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly includeReasoning: boolean;
  /** Whether calls are returned in the legacy form `function_call`. */
  readonly legacyFunctions: boolean;
}

/** 1 to 2 µs for a short request, half of the uncompiled schema. */
const schema = z.compile(chatRequestSchema);

/**
 * Validates a body and translates it. Throws the first fault: a missing model, missing messages, unknown keys where
 * the rules are strict, then each field in the schema's order, then contradictions between fields.
 */
export function parseChatRequest(raw: JsonObject, rules: RequestRules = defaultRules): ChatRequest {
  requireModel(raw, "messages");
  if (rules.strictKeys) refuseUnknownKeys(chatRequestSchema, raw, knownOutsideSchema);
  refuseManyBiases(raw);
  refuseMuchMetadata(raw);
  const body = checkBody(schema, raw);
  refuse(raw, body);

  const remote: RemoteImage[] | undefined = rules.fetchImages ? [] : undefined;
  const conversation = parseMessages(body.messages, remote);
  const resume = parseResume(body, conversation);
  const { tools, toolChoice, legacy } = parseTools(body);
  const generation = create(GenerationSchema, {
    model: body.model,
    messages: resume === undefined ? conversation : conversation.slice(0, -1),
    tools,
    sampling: parseSampling(body),
    limits: parseLimits(body.max_completion_tokens ?? body.max_tokens, body.stop),
    chatTemplateKwargsJson: parseTemplateKwargs(body.chat_template_kwargs),
  });
  // The legacy form has room for one call only.
  const parallel = legacy ? false : body.parallel_tool_calls;
  setGiven(generation, {
    resume,
    toolChoice,
    parallelToolCalls: tools.length > 0 ? parallel : undefined,
    outputFormat: parseOutputFormat(body),
    logprobs: body.logprobs ? toLogprobsRequest(body.top_logprobs) : undefined,
    reasoning: parseReasoning(body),
  });

  return {
    generation,
    remoteImages: remote ?? [],
    choices: body.n ?? 1,
    stream: body.stream ?? false,
    includeUsage: body.stream_options?.include_usage ?? false,
    includeReasoning: body.include_reasoning !== false && body.reasoning?.exclude !== true,
    legacyFunctions: legacy,
  };
}

/**
 * The text of the last message, which the answer continues with `continue_final_message`, as in vLLM. Throws when
 * that message cannot be continued.
 */
function parseResume(body: ChatRequestBody, messages: readonly Message[]): ResumePoint | undefined {
  if (body.continue_final_message !== true) return undefined;
  if (body.add_generation_prompt === true)
    throw wrongMeaning(
      "continue_final_message",
      "Cannot set both 'continue_final_message' and 'add_generation_prompt' to true.",
    );
  const last = messages.at(-1);
  const text = last?.parts.map(({ part }) => (part.case === "text" ? part.value : "")).join("") ?? "";
  if (last?.role !== Role.ASSISTANT || last.toolCalls.length > 0 || text === "" || messages.length < 2)
    throw wrongMeaning(
      "messages",
      "With 'continue_final_message' the last of at least two messages must be the assistant's, with text and " +
        "without tool calls: the answer continues that text.",
    );
  if (text.length > longest.resumeText) throw stringTooLong("messages", longest.resumeText, text.length);
  return {
    $typeName: "cxmpute.generation.v1.ResumePoint",
    tokenIds: [],
    text,
    fingerprint: "",
    beingRead: false,
  };
}

/** The reasoning effort from OpenAI's, OpenRouter's or Ollama's parameter, in this order. */
function parseReasoning({ reasoning_effort, reasoning, think }: ChatRequestBody) {
  const effort = reasoning_effort ?? reasoning?.effort ?? (typeof think === "string" ? think : undefined);
  return toReasoning(effort, reasoning?.enabled ?? (typeof think === "boolean" ? think : undefined));
}

/** The output format from `response_format` or else Ollama's `format`; undefined for text. */
function parseOutputFormat({ response_format: response, format }: ChatRequestBody): OutputFormat | undefined {
  if (!response) {
    if (!format) return undefined;
    return format === "json" ? jsonObjectFormat() : fromSchema("format", format, true, "format");
  }
  switch (response.type) {
    case "text":
      return undefined;
    case "json_object":
      return response.schema
        ? fromSchema("schema", response.schema, true, "response_format")
        : jsonObjectFormat();
    case "json_schema": {
      const { name, schema, strict } = response.json_schema;
      checkName(name, "response_format.json_schema.name");
      return fromSchema(name, schema, strict ?? false, "response_format");
    }
  }
}

const fromSchema = (name: string, schema: JsonObject, strict: boolean, param: string): OutputFormat =>
  jsonSchemaFormat(name, schema, strict, (problem) =>
    wrongMeaning(param, `Invalid schema for ${param} '${name}': ${problem}`),
  );

/**
 * Parameters that would change the answer and are not supported. Unknown keys are ignored, but ignoring these would
 * give wrong answers.
 */
const refused = [
  // OpenAI's.
  "audio",
  "web_search_options",
  "moderation",
  ...outputConstraints,
  // Other prompts, tokens and stop conditions of open servers.
  "echo",
  "documents",
  "prompt_logprobs",
  "use_beam_search",
  "min_tokens",
  "stop_token_ids",
  "bad_words",
  "allowed_token_ids",
];

/** Known keys outside the schema: those above, and harmless ones of open servers. */
const knownOutsideSchema: readonly string[] = [...refused, "thinking", "ignore_eos"];

function refuse(raw: JsonObject, body: ChatRequestBody): void {
  for (const name of refused) if (hasEffect(raw[name])) throw unsupportedParameter(name);
  // On by default; off, it means that the last turn is continued.
  if (body.add_generation_prompt === false && body.continue_final_message !== true)
    throw unsupportedParameter("add_generation_prompt");
  if (body.modalities?.includes("audio")) throw unsupportedValue("modalities", "audio", "'text'");
  refuseStreamOptions(body);
  if (typeof body.top_logprobs === "number" && body.logprobs !== true)
    throw wrongMeaning(
      "top_logprobs",
      "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
    );
}

/** Whether a parameter has an effect; some clients send all of them, switched off. */
const hasEffect = (value: unknown): boolean =>
  Array.isArray(value)
    ? value.length > 0
    : value !== undefined && value !== null && value !== false && value !== 0;
