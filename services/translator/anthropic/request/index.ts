import { create } from "@bufbuild/protobuf";
import { z } from "zod";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { toUint32 } from "../../../../core/generation/bounds.ts";
import {
  type Generation,
  GenerationSchema,
  type OutputFormat,
  OutputFormatSchema,
  type Reasoning,
  ReasoningSchema,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { checkSchema } from "../../chat/request/json-schema.ts";
import { defaultTemperature } from "../../chat/request/sampling.ts";
import type { JsonObject } from "../../http/json-body.ts";
import { findUnknownKey } from "../../http/unknown-keys.ts";
import { type RemoteImage, RemoteImages } from "../../images/remote-images.ts";
import { defaultRules, type RequestRules } from "../../request-rules.ts";
import { threadUnsupported } from "../errors.ts";
import { fault, toFault, toPath } from "./faults.ts";
import { parseMessages } from "./messages.ts";
import { type MessagesRequestBody, messagesRequestSchema } from "./schema.ts";
import { parseTools } from "./tools.ts";

/** A request for a message, checked. */
export interface MessagesRequest {
  /** What to generate; without id and caller. */
  readonly generation: Generation;
  /** Its pictures that are still to be fetched. */
  readonly remoteImages: readonly RemoteImage[];
  readonly stream: boolean;
  /** Whether thoughts are shown. */
  readonly showsThinking: boolean;
  /** As the caller set it. */
  readonly maxTokens: number;
}

const schema = z.compile(messagesRequestSchema);

/**
 * Checks a body against Anthropic's rules and translates it. Throws the first fault: what is known and not
 * supported, then field by field in the order of the schema, then what the fields mean together.
 */
export function parseMessagesRequest(raw: JsonObject, rules: RequestRules = defaultRules): MessagesRequest {
  for (const [name, hint] of Object.entries(refused)) if (isGiven(raw[name])) throw fault(name, hint);
  if (isGiven(raw.thread)) throw noThreads();
  const unknown = rules.strictKeys ? findUnknownKey(messagesRequestSchema, raw) : undefined;
  if (unknown !== undefined) throw fault(toPath(unknown.path), "Extra inputs are not permitted");
  const { data: body, error } = schema.safeParse(raw);
  if (error !== undefined) throw toFault(error.issues[0]!, raw);

  const remote = rules.fetchImages ? new RemoteImages() : undefined;
  const generation = create(GenerationSchema, {
    model: body.model,
    messages: parseMessages(body, remote),
    sampling: {
      temperature: body.temperature ?? defaultTemperature,
      ...(isGiven(body.top_p) ? { topP: body.top_p } : {}),
      ...(isGiven(body.top_k) ? { topK: toUint32(body.top_k) } : {}),
    },
    limits: { maxTokens: toUint32(body.max_tokens), stop: body.stop_sequences ?? [] },
  });
  parseTools(body, generation);
  const reasoning = parseThinking(body);
  if (reasoning !== undefined) generation.reasoning = reasoning;
  const outputFormat = parseFormat(body);
  if (outputFormat !== undefined) generation.outputFormat = outputFormat;
  return {
    generation,
    remoteImages: remote?.list ?? [],
    stream: body.stream ?? false,
    showsThinking: !(body.thinking && "display" in body.thinking && body.thinking.display === "omitted"),
    maxTokens: body.max_tokens,
  };
}

/** Parameters of Anthropic's that nobody here can honour, and what to do instead. */
const refused: Readonly<Record<string, string>> = {
  mcp_servers:
    "MCP servers are not supported here. Call them from the client and offer what they do as tools",
  container: "Containers are not supported here",
  context_management: "Context management is not supported here. Shorten the conversation before sending it",
  inference_geo: "The region of the computation cannot be chosen here",
  diagnostics: "Diagnostics are not supported here",
};

/** Says it in the way by which Anthropic's SDK knows that it must send whole conversations. */
const noThreads = (): MeshError =>
  new MeshError("invalid_request", "thread: Conversations are not kept here. Send all of their messages", {
    code: threadUnsupported,
    param: "thread",
  });

/**
 * How much to think. A generation knows efforts and no budgets, so a budget becomes the effort that it is likely
 * meant for; an effort that is given overrules it.
 */
function parseThinking({ thinking, output_config, max_tokens }: MessagesRequestBody): Reasoning | undefined {
  const effort = output_config?.effort ?? undefined;
  switch (thinking?.type) {
    case "enabled":
      if (thinking.budget_tokens >= max_tokens)
        throw fault("max_tokens", "`max_tokens` must be greater than `thinking.budget_tokens`.");
      return create(ReasoningSchema, { enabled: true, effort: effort ?? toEffort(thinking.budget_tokens) });
    case "disabled":
      return create(ReasoningSchema, { enabled: false, effort: "none" });
    default:
      return effort === undefined ? undefined : create(ReasoningSchema, { effort });
  }
}

const toEffort = (budgetTokens: number): string =>
  budgetTokens < 4096 ? "low" : budgetTokens < 16_384 ? "medium" : "high";

function parseFormat({ output_config }: MessagesRequestBody): OutputFormat | undefined {
  const format = output_config?.format;
  if (!format) return undefined;
  const { json, problem } = checkSchema(format.schema);
  if (problem !== undefined) throw fault("output_config.format.schema", problem);
  return create(OutputFormatSchema, {
    format: { case: "jsonSchema", value: { name: "output", schemaJson: json, strict: true } },
  });
}

const isGiven = <T>(value: T | null | undefined): value is T => value !== null && value !== undefined;
