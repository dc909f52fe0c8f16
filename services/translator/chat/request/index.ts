import { create } from "@bufbuild/protobuf";
import { z } from "zod";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { type Generation, GenerationSchema } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { missing } from "../../errors/param-faults.ts";
import type { JsonObject } from "../../http/json-body.ts";
import { type RemoteImage, RemoteImages } from "../../images/remote-images.ts";
import { defaultRules, type RequestRules } from "../../request-rules.ts";
import { findBegunAnswer } from "./begun-answer.ts";
import { parseMessages } from "./messages.ts";
import { parseOutputFormat } from "./output-format.ts";
import { knownBeside, refuse } from "./refusals.ts";
import { parseLimits, parseReasoning, parseSampling } from "./sampling.ts";
import { chatRequestSchema } from "./schema.ts";
import { toFault } from "./to-fault.ts";
import { parseTools } from "./tools.ts";
import { refuseUnknownKeys } from "./unknown-keys.ts";

/** A chat completion request, checked. */
export interface ChatRequest {
  /** What to generate; without id and caller, which `fanOut` adds. */
  readonly generation: Generation;
  /** Its pictures that are still to be fetched. */
  readonly remoteImages: readonly RemoteImage[];
  /** How many answers are wanted. */
  readonly choices: number;
  readonly stream: boolean;
  /** Whether the stream ends with the usage. */
  readonly includeUsage: boolean;
  /** Whether thoughts are shown. */
  readonly includeReasoning: boolean;
  /** Calls are answered in the legacy form `function_call`. */
  readonly legacyFunctions: boolean;
}

/** 1 to 2 µs for a short request, half of what the uncompiled schema takes. */
const schema = z.compile(chatRequestSchema);

/**
 * Checks a body against OpenAI's rules and translates it. Throws the first fault: a missing model, missing
 * messages, where the rules are strict a key that means nothing, then field by field in the order of the schema, then what the fields mean together.
 */
export function parseChatRequest(raw: JsonObject, rules: RequestRules = defaultRules): ChatRequest {
  if (raw.model === undefined || raw.model === null || raw.model === "") throw missingModel();
  if (raw.messages === undefined || raw.messages === null) throw missing("messages");
  if (rules.strictKeys) refuseUnknownKeys(chatRequestSchema, raw, knownBeside);
  const { data: body, error } = schema.safeParse(raw);
  if (error !== undefined) throw toFault(error.issues[0]!, raw);
  refuse(raw, body);

  const remote = rules.fetchImages ? new RemoteImages() : undefined;
  const conversation = parseMessages(body.messages, remote);
  const begun = findBegunAnswer(body, conversation);
  const { tools, toolChoice, legacy } = parseTools(body);
  const generation = create(GenerationSchema, {
    model: body.model,
    messages: begun?.messages ?? conversation,
    tools,
    sampling: parseSampling(body),
    limits: parseLimits(body),
    chatTemplateKwargsJson: body.chat_template_kwargs ? JSON.stringify(body.chat_template_kwargs) : "",
  });
  if (begun !== undefined) generation.resume = begun.resume;
  if (toolChoice !== undefined) generation.toolChoice = toolChoice;
  // The legacy form has room for one call only.
  const parallel = legacy ? false : body.parallel_tool_calls;
  if (tools.length > 0 && typeof parallel === "boolean") generation.parallelToolCalls = parallel;
  const outputFormat = parseOutputFormat(body);
  if (outputFormat !== undefined) generation.outputFormat = outputFormat;
  if (body.logprobs)
    generation.logprobs = {
      $typeName: "cxmpute.generation.v1.LogprobsRequest",
      top: body.top_logprobs ?? 0,
    };
  const reasoning = parseReasoning(body);
  if (reasoning !== undefined) generation.reasoning = reasoning;

  return {
    generation,
    remoteImages: remote?.list ?? [],
    choices: body.n ?? 1,
    stream: body.stream ?? false,
    includeUsage: body.stream_options?.include_usage ?? false,
    includeReasoning: body.include_reasoning !== false && body.reasoning?.exclude !== true,
    legacyFunctions: legacy,
  };
}

const missingModel = () => new MeshError("invalid_request", "you must provide a model parameter");
