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
  /**
   * Whether a call is forced by a schema of the call from the first one on: where `tool_choice: "required"` lets a model
   * write what it likes in front of its call, a small one never comes to it.
   */
  readonly forcesBySchema: boolean;
  /** How it goes on with an answer that was begun elsewhere. */
  readonly continuing: Continuing;
}

/** How a server goes on with the assistant's turn at the end of a chat. */
export interface Continuing {
  /** Members that ask for it. */
  readonly members: JsonObject;
  /** Whether it answers in a new turn unless it is asked; others may know no such question and go on all the same. */
  readonly mustBeAsked: boolean;
  /** Whether white space at the end of the turn can get lost on its way into the prompt. */
  readonly trims: boolean;
  /** Whether it takes llama.cpp's grammars, which can hold an answer to its first characters. */
  readonly takesGrammar: boolean;
}

/** What most of those ask for that render the conversation with transformers' templates. */
const finalMessage = { continue_final_message: true, add_generation_prompt: false };

/**
 * All programs that are told apart. llama-server tells the progress of a prompt (`return_progress`), a sign of life
 * while it reads a long one, and counts with each token (`timings_per_token`). The slots of those that batch by
 * themselves are what keeps one GPU busy without long queues inside; `--slots` says better.
 *
 * Of an assistant's turn at the end llama-server goes on with each, unless it was started without; newer versions then
 * do so when they are asked, older ones pass over the question. vLLM must be asked, and refuses it without both members;
 * SGLang puts the text behind the prompt. TGI and Ollama go on by themselves; LM Studio does not say. A mesh goes
 * on when it is asked, and with JSON and forced calls too, where its nodes can.
 */
export const serverKinds: Readonly<Record<ServerKind, ServerTraits>> = {
  "llama-server": {
    title: "llama-server",
    defaultSlots: 1,
    clampsMaxTokens: true,
    extras: { return_progress: true, timings_per_token: true },
    countsInOptions: {},
    forcesBySchema: true,
    continuing: { members: finalMessage, mustBeAsked: false, trims: false, takesGrammar: true },
  },
  vllm: {
    title: "vLLM",
    defaultSlots: 64,
    clampsMaxTokens: false,
    extras: {},
    countsInOptions: { continuous_usage_stats: true },
    forcesBySchema: false,
    continuing: { members: finalMessage, mustBeAsked: true, trims: true, takesGrammar: false },
  },
  sglang: {
    title: "SGLang",
    defaultSlots: 64,
    clampsMaxTokens: false,
    extras: {},
    countsInOptions: { continuous_usage_stats: true },
    forcesBySchema: false,
    continuing: {
      members: { continue_final_message: true },
      mustBeAsked: false,
      trims: false,
      takesGrammar: false,
    },
  },
  "lm-studio": {
    title: "LM Studio",
    defaultSlots: 4,
    clampsMaxTokens: true,
    extras: {},
    countsInOptions: {},
    forcesBySchema: false,
    continuing: { members: {}, mustBeAsked: false, trims: true, takesGrammar: false },
  },
  tgi: {
    title: "Text Generation Inference",
    defaultSlots: 64,
    clampsMaxTokens: false,
    extras: {},
    countsInOptions: {},
    forcesBySchema: false,
    continuing: { members: {}, mustBeAsked: false, trims: true, takesGrammar: false },
  },
  mesh: {
    title: "another mesh",
    defaultSlots: 16,
    clampsMaxTokens: true,
    extras: {},
    countsInOptions: {},
    forcesBySchema: false,
    continuing: { members: finalMessage, mustBeAsked: true, trims: false, takesGrammar: false },
  },
  ollama: {
    title: "Ollama",
    defaultSlots: 1,
    clampsMaxTokens: true,
    extras: {},
    countsInOptions: {},
    forcesBySchema: false,
    continuing: { members: {}, mustBeAsked: false, trims: true, takesGrammar: false },
  },
  unknown: {
    title: "a server of unknown kind",
    defaultSlots: 4,
    clampsMaxTokens: false,
    extras: {},
    countsInOptions: {},
    forcesBySchema: false,
    continuing: { members: finalMessage, mustBeAsked: false, trims: true, takesGrammar: false },
  },
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
