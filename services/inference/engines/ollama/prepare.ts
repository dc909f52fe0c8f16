import { MeshError } from "../../../../core/errors/mesh-error.ts";
import type { Generation } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { SchemaError } from "../gbnf/index.ts";
import { type CallableTool, readToolUse, schemaFault } from "../tools/tool-use.ts";
import { argumentsSchema, forceCall } from "../upstream/forced-call.ts";
import { type HeldSchema, holdTo } from "../upstream/held-schema.ts";
import { withoutRootReferences } from "../upstream/references.ts";
import { withOpenTurn } from "../upstream/turns.ts";
import type { ChatRequest, GenerateRequest } from "./api.ts";
import { invalid } from "./failures.ts";
import type { ReadingPlan } from "./line-reader.ts";
import { toOllamaMessages, toOllamaTool } from "./messages.ts";
import { toOllamaOptions } from "./sampling-options.ts";
import type { KnownModel } from "./served-model.ts";
import { toThink } from "./think.ts";

/** A request, and how to read its answer. */
export type Prepared = {
  readonly reading: ReadingPlan;
  /** The request parameter with the prompt. */
  readonly param: "messages" | "prompt";
  /** The request parameter with the form of the answer. */
  readonly formParam: "response_format" | "tools";
} & (
  | { readonly path: "/api/chat"; readonly request: ChatRequest }
  | { readonly path: "/api/generate"; readonly request: GenerateRequest }
);

/** Converts a generation to Ollama's request. Throws `invalid_request` for what it cannot express. */
export function prepare(
  generation: Generation,
  known: KnownModel,
  keepAlive: string | number | undefined,
): Prepared {
  const { logprobs, limits } = generation;
  const partial = generation.resume?.text ?? "";
  const common = {
    model: known.served.engineName,
    stream: true,
    truncate: false,
    shift: false,
    options: toOllamaOptions(generation, known),
    ...(logprobs === undefined ? {} : { logprobs: true, top_logprobs: logprobs.top }),
    ...(keepAlive === undefined ? {} : { keep_alive: keepAlive }),
  } as const;
  const reading: ReadingPlan = {
    model: known.served.model,
    spaceBefore: "",
    stop: limits?.stop ?? [],
    maxTokens: limits?.maxTokens ?? Number.POSITIVE_INFINITY,
    topLogprobs: logprobs?.top ?? 0,
    maxCalls: 0,
  };
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
  const use = readToolUse(generation);
  const think = toThink(generation, known);
  const chat = { ...common, ...(think === undefined ? {} : { think }) };
  const path = "/api/chat";
  const param = "messages";
  if (use.mode === "required") {
    const forced = forceCall(use.callable);
    const held = use.callable.map(hold);
    const request = { ...chat, messages: forced.instruct(chat.messages), format: forced.schema };
    const matches = (name: string, text: string) =>
      held[use.callable.findIndex((tool) => tool.name === name)]?.matches(text) ?? false;
    return {
      path,
      param,
      formParam: "tools",
      request,
      reading: { ...reading, stop: [], maxCalls: 1, forced, matches },
    };
  }
  const { format, matches } = toFormat(generation);
  const request = {
    ...chat,
    ...(format === undefined ? {} : { format }),
    ...(use.mode === "none" ? {} : { tools: use.callable.map(toOllamaTool) }),
  };
  const checkCall = checkCalls(use.callable, known.served.model);
  const { maxCalls } = use;
  return {
    path,
    param,
    formParam: "response_format",
    request,
    reading: { ...reading, maxCalls, checkCall, ...(matches === undefined ? {} : { matches }) },
  };
}

/** The answer's form in Ollama's terms, and its check. */
function toFormat({ outputFormat }: Generation): {
  readonly format?: unknown;
  readonly matches?: ReadingPlan["matches"];
} {
  const wanted = outputFormat?.format;
  if (wanted?.case === undefined) return {};
  if (wanted.case === "jsonObject") {
    const held = holdTo({ type: "object" }, true);
    return { format: "json", matches: (_, text) => held.matches(text) };
  }
  try {
    const schema: unknown = JSON.parse(wanted.value.schemaJson);
    const held = holdTo(schema, wanted.value.strict);
    return { format: withoutRootReferences(schema), matches: (_, text) => held.matches(text) };
  } catch (error) {
    if (!(error instanceof SchemaError || error instanceof SyntaxError)) throw error;
    const reason = error instanceof SchemaError ? error.message : "it is no JSON";
    throw invalid("response_format", `Invalid schema for response_format: ${reason}.`);
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

export interface PartialAnswer {
  /** Without trailing white space. */
  readonly sent: string;
  readonly space: string;
}

/**
 * Cuts trailing white space off the text to continue. Some of Ollama's renderers do so themselves
 * (model/renderers/qwen35.go), and models continue badly after a space, which in most vocabularies belongs to the
 * next word. The model writes it again, and `OverlapTrimmer` removes it.
 */
export function cutPartialAnswer(text: string): PartialAnswer {
  const sent = text.trimEnd();
  return { sent, space: text.slice(sent.length) };
}

/** Checks calls of these functions. Throws `invalid_request` for a strict schema that is not supported. */
function checkCalls(tools: readonly CallableTool[], model: string): NonNullable<ReadingPlan["checkCall"]> {
  const held = new Map(tools.map((tool) => [tool.name, tool.strict ? hold(tool) : undefined]));
  return (name, argumentsJson) => {
    if (!held.has(name))
      throw new MeshError(
        "engine_failed",
        `\`${model}\` called a function that it may not call here, or that does not exist.`,
      );
    if (held.get(name)?.matches(argumentsJson) === false)
      throw new MeshError(
        "engine_failed",
        `\`${model}\` called \`${name}\` with arguments that do not match its strict schema.`,
      );
  };
}

function hold(tool: CallableTool): HeldSchema {
  try {
    return holdTo(argumentsSchema(tool), tool.strict);
  } catch (error) {
    if (error instanceof SchemaError) throw schemaFault(tool, error.message);
    throw error;
  }
}
