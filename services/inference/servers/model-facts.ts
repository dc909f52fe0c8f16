import { count, list, type Members, members, text } from "../engines/upstream/json.ts";

/** A server's report of one model; undefined where it reports nothing. */
export interface ModelFacts {
  readonly name: string;
  /** Tokens of prompt and answer together. */
  readonly contextLength?: number | undefined;
  readonly slots?: number | undefined;
  readonly vision?: boolean | undefined;
  readonly embeddings?: boolean | undefined;
  /** False: the first request would load it. */
  readonly loaded?: boolean | undefined;
  /** Distinguishes files or versions of a model. */
  readonly identity?: string | undefined;
}

/** OpenAI's list of models. */
export interface ModelList {
  readonly models: readonly ModelFacts[];
  /** The owner of the first of them; empty when there is none. */
  readonly owner: string;
}

/** Reads `GET /models`; undefined for what is no list of models. */
export function readModelList(value: unknown): ModelList | undefined {
  // llama-server adds Ollama's `models` beside OpenAI's `data`; some servers send the bare list, or null for none.
  const { data } = members(value);
  if (data !== null && !Array.isArray(data) && !Array.isArray(value)) return undefined;
  const entries = list(Array.isArray(data) ? data : value)
    .map(members)
    .filter(({ id }) => typeof id === "string" && id !== "");
  const models = [...new Map(entries.map((entry) => [text(entry.id), toFacts(entry)])).values()];
  return { models, owner: text(entries[0]?.owned_by) };
}

function toFacts(entry: Members): ModelFacts {
  const meta = members(entry.meta);
  return {
    name: text(entry.id),
    // vLLM and SGLang; a mesh and OpenRouter; LM Studio; llama-server, what a slot has before what the model could.
    contextLength: [
      entry.max_model_len,
      entry.context_length,
      entry.loaded_context_length,
      entry.max_context_length,
      meta.n_ctx,
      meta.n_ctx_train,
    ]
      .map(count)
      .find((tokens) => tokens !== undefined && tokens > 0),
    identity: [entry.root, meta.n_params, meta.size, meta.ftype, entry.quantization]
      .filter((part) => typeof part === "string" || typeof part === "number")
      .join(" "),
  };
}

/** Merges facts; later sources win. */
export const mergeFacts = (...layers: readonly (Partial<ModelFacts> | undefined)[]): ModelFacts =>
  Object.assign(
    {},
    ...layers.map((facts = {}) =>
      Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)),
    ),
  );
