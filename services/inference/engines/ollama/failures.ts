import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { unwrap, upstreamText } from "../upstream/upstream-text.ts";

/** The request behind a failure. */
export interface Asked {
  /** Ollama's name in errors: with its address for its provider, without for callers. */
  readonly who: string;
  readonly model?: string;
  readonly contextLength?: number;
  /** The request parameter that carries the prompt: `messages`, `prompt` or `input`. */
  readonly param?: string;
  /** `response_format` or `tools`. */
  readonly formParam?: string;
  /** Whether another node has started the answer. */
  readonly continues?: boolean;
}

interface Rule {
  readonly when: (status: number, said: string) => boolean;
  readonly error: (asked: Required<Asked>, said: string) => MeshError;
}

/** Ollama's messages (server/routes.go, server/sched.go, llm/llama_server.go); the first match counts. */
const rules: readonly Rule[] = [
  {
    when: (_, said) => contextOverflow.test(said),
    error: ({ contextLength, param }, said) => tooLong(contextLength, param, said),
  },
  {
    when: (status, said) => status === 503 || status === 429 || /maximum pending requests/.test(said),
    error: ({ who }, said) =>
      new MeshError("saturated", `${who} is busy with other work (${said || "no reason given"}).`, {
        retryAfterMs: 1000,
      }),
  },
  {
    when: (_, said) => /model ['"].*['"] not found|not found, try pulling it first/.test(said),
    error: ({ who, model }) =>
      failed(`${who} has no model \`${model}\` any more. Pull it there: \`ollama pull ${model}\`.`),
  },
  {
    when: (status) => status === 404 || status === 405,
    error: ({ who }, said) =>
      failed(`${who} does not know what was asked (${said || "not found"}). Is it Ollama? Check the URL.`),
  },
  {
    when: (status) => status === 401 || status === 403 || status === 407,
    error: ({ who }, said) =>
      failed(
        `${who} refuses requests from here (${said || "no reason given"}). It asks for no key itself: let the proxy before it admit this machine, or use its own address.`,
      ),
  },
  {
    when: (_, said) => outOfMemory.test(said),
    error: ({ model }, said) =>
      failed(
        `\`${model}\` does not fit into the memory of its machine: ${said}. Use a smaller model or quantization, a smaller context, or free memory there.`,
      ),
  },
  {
    when: (_, said) => /timed out waiting for|context deadline exceeded/.test(said),
    error: ({ model }, said) =>
      failed(
        `\`${model}\` took too long to load: ${said}. OLLAMA_LOAD_TIMEOUT of \`ollama serve\` gives it longer.`,
      ),
  },
  {
    when: (_, said) => runnerGone.test(said),
    error: ({ model }, said) =>
      failed(`Ollama's runner of \`${model}\` has stopped: ${said}. Its server log tells why.`),
  },
  {
    when: (_, said) => /newer version of ollama|incompatible with your version/i.test(said),
    error: ({ model }, said) => failed(`\`${model}\` needs a newer Ollama: ${said}. Update Ollama there.`),
  },
  {
    when: (_, said) => /invalid format|json schema|failed to parse grammar|parse(?:ing)? schema/i.test(said),
    error: ({ formParam }, said) => invalid(formParam, `The model cannot be held to this format: ${said}.`),
  },
  {
    when: (_, said) => /\bimage\b|webp|illegal base64/i.test(said) && !/image generation/.test(said),
    error: (_, said) =>
      invalid("messages", `An image cannot be read: ${said}. Send a whole PNG, JPEG or WebP.`),
  },
  {
    when: (_, said) => missing.test(said),
    error: ({ model }, said) => {
      const [, what = ""] = missing.exec(said) ?? [];
      return invalid(paramsOf[what] ?? "model", `\`${model}\` does not support ${what} on this node.`);
    },
  },
  {
    when: (status) => status === 400,
    error: ({ param }, said) => invalid(param, `Ollama refuses the request: ${said}.`),
  },
];

const contextOverflow =
  /exceeds? the (?:available |model's )?(?:maximum )?context|exceeds? maximum context|longer than the context length|exceed_context_size|truncation exceeds/i;

const outOfMemory =
  /requires more system memory|out of (?:device )?memory|out-of-memory|not enough memory|insufficient memory|failed to allocate|unable to (?:allocate|load full model)|malloc failed|cannot be allocated|failed to commit memory/i;

const runnerGone =
  /has terminated|unexpectedly stopped|no longer running|not responding|an error was encountered while running|model failed to load/i;

/** Missing capabilities (server/images.go, CheckCapabilities; server/routes.go). */
const missing = /does not support (tools|thinking|vision|insert|completion|chat|generate)\b/;

const paramsOf: Readonly<Record<string, string>> = {
  tools: "tools",
  thinking: "reasoning_effort",
  vision: "messages",
};

/** The error for a status, or 0 mid-answer. Callers are not to blame for an answer that only continues here. */
export function toFailure(status: number, body: string, asked: Asked): MeshError {
  const said = ollamaText(body).replace(/[\s.:-]+$/, "");
  const full: Required<Asked> = {
    model: "",
    contextLength: 0,
    param: "messages",
    formParam: "response_format",
    continues: false,
    ...asked,
  };
  const whole = unwrap(body);
  const on = full.model === "" ? "" : ` on \`${full.model}\``;
  const error =
    rules.find(({ when }) => when(status, whole))?.error(full, said) ??
    failed(`${full.who} failed${on}: ${said || `status ${status}`}.`, whole);
  if (!full.continues || error.kind !== "invalid_request") return error;
  return failed(
    `${full.who} cannot go on with an answer of \`${full.model}\` that another node has begun: ${error.message}`,
    error,
  );
}

/** A prompt that is too long, in OpenAI's words; only llama.cpp reports its length. */
function tooLong(contextLength: number, param: string, said = ""): MeshError {
  const tokens = /request \((\d+) tokens\)/.exec(said)?.[1];
  const length = `This model's maximum context length is ${contextLength} tokens`;
  const fault =
    tokens === undefined
      ? `${length}, which is too short for your ${param}.`
      : `${length}. However, your ${param} resulted in ${tokens} tokens.`;
  return new MeshError("invalid_request", `${fault} Please reduce the length of the ${param}.`, {
    code: "context_length_exceeded",
    param,
  });
}

/** A failure of this engine. */
export const failed = (message: string, cause?: unknown): MeshError =>
  new MeshError("engine_failed", message, { cause });

/** A fault of the request, which any Ollama would find. */
export const invalid = (param: string, message: string): MeshError =>
  new MeshError("invalid_request", message, { param });

/** Ollama's message, safe to quote; its documentation and library stay linked. */
export const ollamaText = (said: string): string => upstreamText(said, ["ollama.com", "ollama.ai"]);
