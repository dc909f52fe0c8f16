import type { Generation } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { SchemaError } from "../gbnf/index.ts";
import { parseCallerObject } from "../text/caller-json.ts";
import { type CallableTool, readToolUse, schemaFault } from "../tools/tool-use.ts";
import { argumentsSchema, forceCall, withoutRootReferences } from "../upstream/forced-call.ts";
import { holdTo, type Matches } from "../upstream/held-schema.ts";
import { toCommonSampling } from "../upstream/sampling.ts";
import { withOpenTurn } from "../upstream/turns.ts";
import type { ChatRequest, GenerateRequest } from "./api.ts";
import { invalid } from "./failures.ts";
import type { ReadingPlan } from "./line-reader.ts";
import { toOllamaMessages, toOllamaTool } from "./messages.ts";
import type { KnownModel } from "./served-model.ts";
import { firstWithMaxThinking, firstWithPenalties, isAtLeast } from "./version.ts";

/** A request, and how to read its answer. */
export interface Prepared {
  readonly path: "/api/chat" | "/api/generate";
  readonly request: ChatRequest | GenerateRequest;
  readonly reading: ReadingPlan;
  /** The request parameter with the prompt. */
  readonly param: "messages" | "prompt";
  readonly formParam: "response_format" | "tools";
}

/** Converts a generation to Ollama's request. Throws `invalid_request` for what it cannot express. */
export function prepare(
  generation: Generation,
  known: KnownModel,
  keepAlive: string | number | undefined,
): Prepared {
  const { logprobs } = generation;
  const partial = generation.resume?.text ?? "";
  const common = {
    model: known.served.engineName,
    stream: true,
    truncate: false,
    shift: false,
    options: toOllamaOptions(generation, known),
    logprobs: logprobs && true,
    top_logprobs: logprobs?.top,
    keep_alive: keepAlive,
  } as const;
  const reading: ReadingPlan = { spaceBefore: "", maxCalls: 0, callable: new Map() };
  if (generation.rawPrompt !== undefined) {
    const prompt = rawText(generation.rawPrompt.prompt, "prompt") + partial;
    // Otherwise Ollama would look for reasoning in the text.
    const request = { ...common, prompt, raw: true, think: false } as const;
    return { path: "/api/generate", request, reading, param: "prompt", formParam: "response_format" };
  }
  const { sent, space } = cutPartialAnswer(partial);
  const messages = withOpenTurn(toOllamaMessages(generation), sent);
  return prepareChat(generation, known, { ...common, messages }, { ...reading, spaceBefore: space });
}

function prepareChat(
  generation: Generation,
  known: KnownModel,
  common: ChatRequest,
  reading: ReadingPlan,
): Prepared {
  const { mode, callable, maxCalls } = readToolUse(generation);
  const chat = { ...common, think: toThink(generation, known) };
  const prepared = { path: "/api/chat", param: "messages" } as const;
  const isForced = mode === "required";
  const plan = {
    ...reading,
    callable: new Map(
      callable.map((tool) => [tool.name, isForced || tool.strict ? toMatches(tool) : undefined]),
    ),
  };
  if (isForced) {
    const forced = forceCall(callable);
    const request = { ...chat, messages: forced.instruct(chat.messages), format: forced.schema };
    return { ...prepared, formParam: "tools", request, reading: { ...plan, maxCalls: 1, forced } };
  }
  const { format, matches } = toFormat(generation);
  const tools = mode === "none" ? undefined : callable.map(toOllamaTool);
  const request = { ...chat, format, tools };
  return { ...prepared, formParam: "response_format", request, reading: { ...plan, maxCalls, matches } };
}

/** The answer's form in Ollama's terms, and its check; undefined for any text. */
function toFormat({ outputFormat }: Generation): {
  readonly format: unknown;
  readonly matches: Matches | undefined;
} {
  const wanted = outputFormat?.format;
  if (wanted?.case === undefined) return { format: undefined, matches: undefined };
  if (wanted.case === "jsonObject") return { format: "json", matches: holdTo({ type: "object" }, true) };
  try {
    const schema: unknown = JSON.parse(wanted.value.schemaJson);
    return { format: withoutRootReferences(schema), matches: holdTo(schema, wanted.value.strict) };
  } catch (error) {
    if (!(error instanceof SchemaError || error instanceof SyntaxError)) throw error;
    const reason = error instanceof SchemaError ? error.message : "it is no JSON";
    throw invalid("response_format", `Invalid schema for response_format: ${reason}.`);
  }
}

/** The check of a tool's arguments. Throws `invalid_request` for a strict schema that is not supported. */
function toMatches(tool: CallableTool): Matches {
  try {
    return holdTo(argumentsSchema(tool), tool.strict);
  } catch (error) {
    if (error instanceof SchemaError) throw schemaFault(tool, error.message);
    throw error;
  }
}

/** The text of a prompt; Ollama accepts no tokens. */
export function rawText(
  prompt: NonNullable<Generation["rawPrompt"]>["prompt"],
  param: "prompt" | "input",
): string {
  if (prompt.case === "text") return prompt.value;
  throw invalid(param, `This engine takes text, not token ids. Send \`${param}\` as text.`);
}

/** Cuts off trailing space, after which models continue badly; `OverlapTrimmer` removes what they repeat. */
export function cutPartialAnswer(text: string): { readonly sent: string; readonly space: string } {
  const sent = text.trimEnd();
  return { sent, space: text.slice(sent.length) };
}

/**
 * Ollama's `options`, without stop texts: it would not say which it met, and drop the model's own. An answer
 * may use the whole context. Throws `invalid_request` for what this version ignores.
 */
function toOllamaOptions(
  { sampling, limits }: Generation,
  { served, version }: KnownModel,
): Record<string, number> {
  refusePassedOver(sampling, version);
  const wanted = Object.entries(sampling === undefined ? {} : toCommonSampling(sampling));
  return {
    num_ctx: served.contextLength,
    num_predict: limits?.maxTokens ?? -1,
    ...Object.fromEntries(wanted.filter((entry): entry is [string, number] => entry[1] !== undefined)),
  };
}

function refusePassedOver(sampling: Generation["sampling"], version: string): void {
  if (sampling === undefined || isAtLeast(version, firstWithPenalties)) return;
  const penalties = [
    { param: "frequency_penalty", value: sampling.frequencyPenalty, off: 0 },
    { param: "presence_penalty", value: sampling.presencePenalty, off: 0 },
    { param: "repetition_penalty", value: sampling.repetitionPenalty, off: 1 },
  ];
  for (const { param, value, off } of penalties)
    if (value !== undefined && value !== off)
      throw invalid(
        param,
        `The Ollama of this node (${version}) passes over penalties. Leave \`${param}\` out, or ask its provider to update to ${firstWithPenalties}.`,
      );
}

/**
 * Ollama's `think`; undefined leaves it to the model. A continued answer has its reasoning behind it. Without
 * any, gpt-oss held to a form answers nothing (server/routes.go, forceImmediate).
 */
function toThink(
  { reasoning, chatTemplateKwargsJson, resume }: Generation,
  { thinks, takesLevels, alwaysThinks, version }: KnownModel,
): ChatRequest["think"] {
  const enabled = reasoning?.enabled ?? templateWish(chatTemplateKwargsJson);
  const effort = reasoning?.effort ?? "";
  if (enabled === false || effort === "none" || resume?.text) return alwaysThinks ? "low" : false;
  if (!thinks) return undefined;
  const level = levels[effort];
  if (level !== undefined && !takesLevels) return true;
  if (level === "max") return isAtLeast(version, firstWithMaxThinking) ? "max" : "high";
  return level ?? enabled;
}

const levels: Readonly<Record<string, "low" | "medium" | "high" | "max">> = {
  minimal: "low",
  low: "low",
  medium: "medium",
  high: "high",
  xhigh: "high",
  max: "max",
};

/** The template variables about reasoning, the only ones that Ollama accepts. */
function templateWish(json: string): boolean | undefined {
  const variables = Object.entries(json === "" ? {} : (parseCallerObject(json) ?? {}));
  let wish: boolean | undefined;
  for (const [name, value] of variables)
    if (thinkingVariables.has(name) && typeof value === "boolean") wish = value;
    else if (!foreignVariables.has(name))
      throw invalid(
        "chat_template_kwargs",
        `This engine takes no template variable \`${name.slice(0, 64)}\`, only \`enable_thinking\`.`,
      );
  return wish;
}

const thinkingVariables = new Set(["enable_thinking", "thinking"]);

/** For other engines. */
const foreignVariables = new Set(["synthetic"]);
