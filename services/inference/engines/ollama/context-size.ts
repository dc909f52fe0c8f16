import type { Show } from "./api.ts";

/** Tokens of context where nothing is said: room for a conversation with tools, about 1 GiB for an 8B model. */
export const defaultContextSize = 8192;

/** What may decide the size of a model's context. */
export interface ContextWishes {
  /** The provider's own word. */
  readonly contextSize: number | undefined;
  /** With what Ollama has it loaded now; undefined when it is not loaded. */
  readonly loaded: number | undefined;
}

/**
 * The `num_ctx` that every request for a model carries: what the provider says, else what the model's own file says,
 * else what it is loaded with now, else 8192; never more than the model was trained for. Ollama's own choice (4k, 32k
 * or 256k by the size of the GPU, or OLLAMA_CONTEXT_LENGTH) is reported only once a model is loaded. It is decided once
 * and always sent, because Ollama loads a model again for every other value.
 */
export function contextSizeOf(show: Show, { contextSize, loaded }: ContextWishes): number {
  const wished = contextSize ?? parameterOf(show, "num_ctx") ?? loaded ?? defaultContextSize;
  return Math.min(wished, trainedContextOf(show) ?? wished);
}

/** Tokens of context that a model was trained for. */
function trainedContextOf({ model_info, details }: Show): number | undefined {
  const architecture = model_info?.["general.architecture"];
  const reported = model_info?.[`${architecture}.context_length`] ?? details?.context_length;
  return typeof reported === "number" && reported > 0 ? reported : undefined;
}

/** A number that the model's own file sets, from lines such as `num_ctx                        4096`. */
function parameterOf({ parameters }: Show, name: string): number | undefined {
  const line = parameters?.split("\n").find((line) => line.split(/\s+/)[0] === name);
  const value = Number(line?.split(/\s+/)[1]);
  return Number.isInteger(value) && value > 0 ? value : undefined;
}
