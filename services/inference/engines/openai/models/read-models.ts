import { count, list, type Members, members, text } from "../read-json.ts";

/** A model as a server lists it, with what its own members tell. */
export interface ListedModel {
  /** The server's name for it. */
  readonly name: string;
  readonly ownedBy: string;
  /** Tokens, as told; undefined when it is not. */
  readonly contextLength: number | undefined;
  /** What tells one file or version of a model from another, where the server says. */
  readonly identity: string;
}

/** Reads `GET /models`; undefined for what is no list of models. */
export function readModels(value: unknown): ListedModel[] | undefined {
  // llama-server adds Ollama's `models` beside OpenAI's `data`; some servers send the bare list.
  const { data } = members(value);
  if (!Array.isArray(data) && !Array.isArray(value)) return undefined;
  const models = list(Array.isArray(data) ? data : value)
    .map(members)
    .filter(({ id }) => typeof id === "string" && id !== "");
  return [...new Map(models.map((model) => [text(model.id), toListed(model)])).values()];
}

function toListed(model: Members): ListedModel {
  const meta = members(model.meta);
  return {
    name: text(model.id),
    ownedBy: text(model.owned_by),
    // vLLM and SGLang; a mesh and OpenRouter; LM Studio; llama-server, what a slot has before what the model could.
    contextLength: [
      model.max_model_len,
      model.context_length,
      model.loaded_context_length,
      model.max_context_length,
      meta.n_ctx,
      meta.n_ctx_train,
    ]
      .map(count)
      .find((tokens) => tokens !== undefined && tokens > 0),
    identity: [model.root, meta.n_params, meta.size, meta.ftype, model.quantization]
      .filter((part) => typeof part === "string" || typeof part === "number")
      .join(" "),
  };
}
