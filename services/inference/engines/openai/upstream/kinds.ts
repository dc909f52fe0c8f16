import type { JsonObject } from "../request/json.ts";

/** Which program answers. */
export type ServerKind =
  | "llama-server"
  | "vllm"
  | "sglang"
  | "lm-studio"
  | "tgi"
  | "mesh"
  | "ollama"
  | "unknown";

/** What is known of a program before it is asked. */
export interface ServerTraits {
  /** For people. */
  readonly title: string;
  /** Generations at the same time, where the server does not tell. */
  readonly defaultSlots: number;
  /** Whether a limit of tokens beyond the context is cut down by the server, instead of refused. */
  readonly clampsMaxTokens: boolean;
  /** Members of its own that every streamed request gets. */
  readonly extras: JsonObject;
  /** Members of `stream_options` that make it tell counts of tokens with each chunk. */
  readonly countsInOptions: JsonObject;
}

/**
 * All programs that are told apart. llama-server tells the progress of a prompt (`return_progress`), a sign of life
 * while it reads a long one, and counts with each token (`timings_per_token`). The slots of those that batch by
 * themselves are what keeps one GPU busy without long queues inside; `--slots` says better.
 */
export const serverKinds: Readonly<Record<ServerKind, ServerTraits>> = {
  "llama-server": row("llama-server", 1, true, { return_progress: true, timings_per_token: true }, {}),
  vllm: row("vLLM", 64, false, {}, { continuous_usage_stats: true }),
  sglang: row("SGLang", 64, false, {}, { continuous_usage_stats: true }),
  "lm-studio": row("LM Studio", 4, true, {}, {}),
  tgi: row("Text Generation Inference", 64, false, {}, {}),
  mesh: row("another mesh", 16, true, {}, {}),
  ollama: row("Ollama", 1, true, {}, {}),
  unknown: row("a server of unknown kind", 4, false, {}, {}),
};

/** The kind by what the list of models says; `unknown` when that says nothing. */
export function kindOf(ownedBy: string, serverHeader: string): ServerKind {
  if (serverHeader.toLowerCase().startsWith("llama.cpp")) return "llama-server";
  return byOwner[ownedBy] ?? "unknown";
}

/** What servers write into `owned_by`. */
const byOwner: Readonly<Record<string, ServerKind>> = {
  llamacpp: "llama-server",
  vllm: "vllm",
  sglang: "sglang",
  organization_owner: "lm-studio",
  "cxmpute-mesh": "mesh",
  library: "ollama",
};

function row(
  title: string,
  defaultSlots: number,
  clampsMaxTokens: boolean,
  extras: JsonObject,
  countsInOptions: JsonObject,
): ServerTraits {
  return { title, defaultSlots, clampsMaxTokens, extras, countsInOptions };
}
