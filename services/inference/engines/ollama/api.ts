import { z } from "zod";

// Ollama's answers, as far as they are read. From api/types.go of ollama/ollama at
// fb30760996871fa9460115c753afd2c60d4ab0f7 (v0.33.0-rc2); Go omits empty `omitempty` fields and writes empty slices
// as null, so nearly everything may be missing or null.

const text = z.string().nullish();
const count = z.number().nullish();

/** `GET /api/version`. */
export const versionSchema = z.object({ version: z.string() });

/** `GET /api/tags`: the models, most recently changed first. */
export const tagsSchema = z.object({
  models: z
    .array(
      z.object({
        name: z.string(),
        digest: z.string(),
        size: count,
        remote_host: text,
        remote_model: text,
      }),
    )
    .nullable(),
});
export type Tag = NonNullable<z.infer<typeof tagsSchema>["models"]>[number];

/** `POST /api/show`: one model. */
export const showSchema = z.object({
  capabilities: z.array(z.string()).nullish(),
  details: z
    .object({ family: text, parameter_size: text, quantization_level: text, context_length: count })
    .nullish(),
  model_info: z.record(z.string(), z.unknown()).nullish(),
  modelfile: text,
  parameters: text,
  remote_host: text,
});
export type Show = z.infer<typeof showSchema>;

/** `GET /api/ps`: the models that are loaded. */
export const psSchema = z.object({
  models: z
    .array(
      z.object({
        name: z.string(),
        digest: z.string(),
        size: count,
        size_vram: count,
        context_length: count,
        expires_at: text,
      }),
    )
    .nullable(),
});

const toolCallSchema = z.object({
  id: text,
  function: z.object({
    name: z.string(),
    arguments: z.record(z.string(), z.unknown()).nullish(),
  }),
});
export type OllamaToolCall = z.infer<typeof toolCallSchema>;

const tokenSchema = z.object({
  token: z.string(),
  logprob: z.number(),
  bytes: z.array(z.number()).nullish(),
});
const logprobSchema = tokenSchema.extend({ top_logprobs: z.array(tokenSchema).nullish() });

/** One line of `POST /api/chat`, or of `POST /api/generate`, which has no `message`. */
export const answerLineSchema = z.object({
  message: z
    .object({ content: text, thinking: text, tool_calls: z.array(toolCallSchema).nullish() })
    .nullish(),
  response: text,
  thinking: text,
  logprobs: z.array(logprobSchema).nullish(),
  done: z.boolean(),
  done_reason: text,
  prompt_eval_count: count,
  eval_count: count,
});

/** `POST /api/embed`. */
export const embedSchema = z.object({
  embeddings: z.array(z.array(z.number())),
  prompt_eval_count: count,
});

/** One line of `POST /api/pull`. */
export const pullLineSchema = z.object({ status: z.string(), digest: text, total: count, completed: count });

interface OllamaCall {
  readonly id: string;
  readonly function: { readonly index: number; readonly name: string; readonly arguments: object };
}

/** One turn of `POST /api/chat`. */
export interface OllamaMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
  readonly thinking?: string | undefined;
  /** Base64. */
  readonly images?: readonly string[] | undefined;
  readonly tool_calls?: readonly OllamaCall[] | undefined;
  readonly tool_name?: string | undefined;
  readonly tool_call_id?: string | undefined;
}

interface GeneratingRequest {
  readonly model: string;
  readonly stream: true;
  /** False: a prompt that does not fit is an error. By default Ollama truncates it. */
  readonly truncate: false;
  /** False: an answer ends with the context. By default Ollama drops the beginning. */
  readonly shift: false;
  readonly options: Readonly<Record<string, number>>;
  readonly think?: boolean | "low" | "medium" | "high" | "max" | undefined;
  readonly format?: unknown;
  readonly logprobs?: boolean | undefined;
  readonly top_logprobs?: number | undefined;
  readonly keep_alive?: string | number | undefined;
}

/** The body of `POST /api/chat`. */
export interface ChatRequest extends GeneratingRequest {
  readonly messages: readonly OllamaMessage[];
  readonly tools?: readonly object[] | undefined;
}

/** The body of `POST /api/generate`. */
export interface GenerateRequest extends GeneratingRequest {
  readonly prompt: string;
  readonly raw: true;
}
