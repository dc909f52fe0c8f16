import { create } from "@bufbuild/protobuf";
import {
  type Generation,
  GenerationSchema,
  Role,
  ToolChoice_Mode,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { GenerationInit } from "../fake-engine.ts";
import type { ChatBody, EmbedBody, GenerateBody, GeneratingRequest } from "./requests.ts";

/** A chat as the engine behind the server is asked it: a last turn of the assistant is left open, so the answer goes on. */
export const chatGeneration = (body: ChatBody): Generation => {
  const { closed, open } = openTurn(body);
  return generation(body, {
    ...(open === "" ? {} : { resume: { text: open } }),
    messages: closed.map((message) => ({
      role: roles[message.role ?? ""] ?? Role.USER,
      parts: message.content ? [{ part: { case: "text", value: message.content } }] : [],
      toolCalls: (message.tool_calls ?? []).map(({ id, function: called }) => ({
        id: id ?? "",
        name: called?.name ?? "",
        argumentsJson: JSON.stringify(called?.arguments ?? {}),
      })),
      toolCallId: message.tool_call_id ?? "",
    })),
    tools: (body.tools ?? []).map(({ function: tool }) => ({
      name: tool?.name ?? "",
      description: tool?.description ?? "",
      parametersJson: JSON.stringify(tool?.parameters ?? {}),
    })),
    ...(body.tools?.length ? { toolChoice: { mode: ToolChoice_Mode.AUTO } } : {}),
  });
};

/** The turns that templates close, and the text of the one at the end that they do not (`not $last`). */
function openTurn({ messages = [] }: ChatBody): { closed: typeof messages; open: string } {
  const last = messages.at(-1);
  const isOpen = last?.role === "assistant" && (last.tool_calls ?? []).length === 0;
  return isOpen
    ? { closed: messages.slice(0, -1), open: last.content ?? "" }
    : { closed: messages, open: "" };
}

/** A raw prompt. */
export const rawGeneration = (body: GenerateBody): Generation =>
  generation(body, { rawPrompt: { prompt: { case: "text", value: body.prompt ?? "" } } });

/** Texts to embed. */
export const embedGeneration = (texts: readonly string[], { model }: EmbedBody): Generation =>
  create(GenerationSchema, {
    id: nextId(),
    model: model ?? "",
    embedding: { inputs: texts.map((value) => ({ prompt: { case: "text" as const, value } })) },
  });

function generation(body: GeneratingRequest, init: GenerationInit): Generation {
  const { options = {} } = body;
  const number = (name: string) => {
    const value = options[name];
    return typeof value === "number" ? value : undefined;
  };
  const maxTokens = number("num_predict") ?? -1;
  const seed = number("seed") ?? -1;
  const sampling = {
    temperature: number("temperature") ?? 0.8,
    topK: number("top_k") ?? 40,
    topP: number("top_p") ?? 0.9,
    minP: number("min_p") ?? 0,
    repetitionPenalty: number("repeat_penalty") ?? 1,
    presencePenalty: number("presence_penalty") ?? 0,
    frequencyPenalty: number("frequency_penalty") ?? 0,
    ...(seed < 0 ? {} : { seed: BigInt(seed) }),
  };
  const { stop } = options;
  return create(GenerationSchema, {
    id: nextId(),
    model: "starter",
    ...init,
    sampling,
    limits: {
      ...(maxTokens < 0 ? {} : { maxTokens }),
      stop: Array.isArray(stop) ? stop.map(String) : [],
    },
    ...formatOf(body),
    ...(body.logprobs ? { logprobs: { top: Math.max(body.top_logprobs ?? 0, 1) } } : {}),
  });
}

/** Newer versions read a schema into a Go map on its way, so its keys come out in alphabetical order. */
function formatOf({ format }: GeneratingRequest): GenerationInit {
  if (format === undefined || format === null || format === "") return {};
  if (format === "json") return { outputFormat: { format: { case: "jsonObject", value: {} } } };
  const schemaJson = JSON.stringify(sorted(format));
  return { outputFormat: { format: { case: "jsonSchema", value: { name: "schema", schemaJson } } } };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}

const roles: Readonly<Record<string, Role>> = {
  system: Role.SYSTEM,
  user: Role.USER,
  assistant: Role.ASSISTANT,
  tool: Role.TOOL,
};

let generations = 0;
const nextId = () => `ollama-${++generations}`;
