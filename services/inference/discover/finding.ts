/** The servers that can be told apart; `openai` is any other that lists models as OpenAI does, `mesh` the
 * HTTP endpoint of a mesh, ours or another. */
export const serverKinds = [
  "ollama",
  "llama-server",
  "vllm",
  "sglang",
  "tgi",
  "lm-studio",
  "openai",
  "mesh",
] as const;

/** One of them. */
export type ServerKind = (typeof serverKinds)[number];

/** What people call each. */
export const serverNames: Readonly<Record<ServerKind, string>> = {
  ollama: "Ollama",
  "llama-server": "llama-server",
  vllm: "vLLM",
  sglang: "SGLang",
  tgi: "TGI",
  "lm-studio": "LM Studio",
  openai: "a server with OpenAI's API",
  mesh: "a mesh",
};

/** A server that computes tokens, as it was found. */
export interface ServerFinding {
  readonly kind: ServerKind;
  /** Which engine of ours speaks to it. */
  readonly engine: "ollama" | "openai";
  /** Without a slash at the end; of the server itself, so without `/v1`. */
  readonly url: string;
  /** As it tells; absent when it does not. */
  readonly version?: string;
  /** What it lists, by its own names, embedding models included. */
  readonly models: readonly FoundModel[];
}

/** A model as a server lists it. */
export interface FoundModel {
  /** The server's own name. */
  readonly name: string;
  /** Bytes on the disk; absent when the server does not tell. */
  readonly sizeBytes?: number;
  /** Tokens that prompt and answer may have together; absent when the server does not tell. */
  readonly contextLength?: number;
}
