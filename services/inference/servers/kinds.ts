import { count, list, members, text } from "../engines/upstream/json.ts";
import type { ModelFacts } from "./model-facts.ts";

// Everything that is known of the programs that serve models. A new one is one entry here.

/** Which program answers; `openai` is any other that lists models as OpenAI does. */
export type ServerKind = keyof typeof table;

/** What an entry is asked about. */
export interface Shown {
  /** The JSON that came from a path; undefined when it was not asked, refused, or no JSON. */
  readonly json: (path: string) => unknown;
  /** Whether the list of models says that it is this program: by `owner`, or a header. */
  readonly isListed: boolean;
  /** Whether there is a list of models, of whatever owner. */
  readonly hasList: boolean;
}

/** What a server's own endpoints report. */
export interface Reported {
  /** Absent when it is not reported. */
  readonly version?: string;
  /** Which engine of ours speaks to it; default: `openai`. */
  readonly engine?: "ollama";
  /** Of each model by name, beside what the list says; the models themselves where there is no list. */
  readonly models?: readonly ModelFacts[];
  /** Of all models alike. */
  readonly all?: Omit<ModelFacts, "name">;
}

/** One program. */
export interface ServerDescription {
  /** What people call it. */
  readonly name: string;
  /** What it writes into `owned_by` in the list of models. */
  readonly owner?: string;
  /** How its `Server` header begins, in lower case. */
  readonly header?: string;
  /** Paths by whose answers it is recognised: cheap, and without effect on any server. */
  readonly signs: readonly string[];
  /** What is asked once the list says that it is this one; default: its signs. */
  readonly details?: readonly string[];
  /** What its endpoints report; undefined when the answers are another program's. */
  readonly read: (shown: Shown) => Reported | undefined;
  /** How it is spoken to, where it differs from the rest. */
  readonly traits?: Partial<ServerTraits>;
}

/** How a server behaves, as far as a request depends on it. */
export interface ServerTraits {
  /** Generations at the same time, where the server does not report it. */
  readonly defaultSlots: number;
  /** Whether a limit of tokens beyond the context is cut down by the server, instead of refused. */
  readonly clampsMaxTokens: boolean;
  /** Members of its own that every streamed request gets. */
  readonly extras: Members;
  /** Members of `stream_options` that make it report counts of tokens with each chunk. */
  readonly countsInOptions: Members;
  /**
   * Whether a call is forced by a schema of the call from the first one on: where `tool_choice: "required"` lets a model
   * write what it likes in front of its call, a small one never comes to it.
   */
  readonly forcesBySchema: boolean;
  /** How it continues the assistant's turn at the end of a chat. */
  readonly continuing: Continuing;
}

/** How a server continues the assistant's turn at the end of a chat. */
export interface Continuing {
  /** Members that ask for it. */
  readonly members: Members;
  /** Whether it answers in a new turn unless it is asked; others may know no such question and continue all the same. */
  readonly mustBeAsked: boolean;
  /** Whether white space at the end of the turn can get lost on its way into the prompt. */
  readonly trims: boolean;
  /** Whether it takes llama.cpp's grammars, which can hold an answer to its first characters. */
  readonly takesGrammar: boolean;
}

type Members = Readonly<Record<string, boolean>>;

/** What most of those ask for that render the conversation with transformers' templates. */
const finalMessage = { continue_final_message: true, add_generation_prompt: false };
/** Continues by itself, or never. */
const unasked = { members: {}, mustBeAsked: false, trims: false, takesGrammar: false };

/** Of a server that is not known otherwise. */
const commonTraits: ServerTraits = {
  defaultSlots: 4,
  clampsMaxTokens: false,
  extras: {},
  countsInOptions: {},
  forcesBySchema: false,
  continuing: { members: finalMessage, mustBeAsked: false, trims: true, takesGrammar: false },
};

/**
 * In the order in which they are recognised: several of them answer each other's questions (LM Studio and llama-server
 * know some of Ollama's, all of them list models as OpenAI does), so what only one answers comes first.
 *
 * The slots of servers that batch by themselves are what keeps one GPU busy without long queues inside; `--slots` says
 * better.
 */
const table = {
  /** The HTTP endpoint of a mesh, ours or another; `/healthz` of our translator says whose it is. */
  mesh: {
    name: "a mesh",
    owner: "cxmpute-mesh",
    signs: ["/healthz"],
    details: ["/v1/catalogue"],
    read: ({ json, isListed }) =>
      isListed || members(json("/healthz")).service === "cxmpute"
        ? {
            models: objects(json("/v1/catalogue")).map(({ id, serving, capabilities }) => ({
              name: text(id),
              slots: count(members(serving).slots) || undefined,
              contextLength: count(members(serving).context_length) || undefined,
              vision: Array.isArray(capabilities) ? capabilities.includes("vision") : undefined,
            })),
          }
        : undefined,
    // With JSON and forced calls too, where its nodes can.
    traits: {
      defaultSlots: 16,
      clampsMaxTokens: true,
      continuing: { members: finalMessage, mustBeAsked: true, trims: false, takesGrammar: false },
    },
  },

  /** Says which models are loaded. It does not say whether it continues a turn. */
  "lm-studio": {
    name: "LM Studio",
    owner: "organization_owner",
    signs: ["/api/v0/models"],
    read({ json, isListed }) {
      const { data } = members(json("/api/v0/models"));
      const entries = objects({ data });
      const isOwn =
        Array.isArray(data) &&
        entries.every(({ id, type }) => typeof id === "string" && typeof type === "string");
      if (!isOwn && !isListed) return undefined;
      return {
        models: entries.map(({ id, type, state, loaded_context_length, max_context_length }) => ({
          name: text(id),
          contextLength: count(loaded_context_length) ?? count(max_context_length),
          vision: text(type) === "vlm",
          embeddings: text(type) === "embeddings",
          loaded: text(state) === "" ? undefined : text(state) === "loaded",
        })),
      };
    },
    traits: { clampsMaxTokens: true, continuing: { ...unasked, trims: true } },
  },

  /**
   * Reports the progress of a prompt (`return_progress`), a sign of life while it reads a long one, and counts with each
   * token (`timings_per_token`). It continues each assistant's turn at the end unless it was started without; newer
   * versions then do so when they are asked, older ones pass over the question. With a key it shows only the list.
   */
  "llama-server": {
    name: "llama-server",
    owner: "llamacpp",
    header: "llama.cpp",
    signs: ["/props"],
    read({ json, isListed }) {
      const { total_slots, default_generation_settings: settings, ...props } = members(json("/props"));
      const isOwn = typeof total_slots === "number" && typeof settings === "object" && settings !== null;
      if (!isOwn && !isListed) return undefined;
      return {
        version: text(props.build_info),
        all: {
          contextLength: count(members(settings).n_ctx),
          slots: count(total_slots) || undefined,
          vision: members(props.modalities).vision === true,
        },
      };
    },
    traits: {
      defaultSlots: 1,
      clampsMaxTokens: true,
      extras: { return_progress: true, timings_per_token: true },
      forcesBySchema: true,
      continuing: { members: finalMessage, mustBeAsked: false, trims: false, takesGrammar: true },
    },
  },

  /** Spoken to in its own API, where that is there; its OpenAI endpoints alone ignore forced calls. */
  ollama: {
    name: "Ollama",
    owner: "library",
    signs: ["/api/version", "/api/tags"],
    details: [],
    read({ json, isListed }) {
      const { version } = members(json("/api/version"));
      const { models } = members(json("/api/tags"));
      const isOwn = typeof version === "string" && (models === null || Array.isArray(models));
      if (!isOwn) return isListed ? {} : undefined;
      return {
        version,
        engine: "ollama",
        models: objects({ data: models }).map(({ name }) => ({ name: text(name) })),
      };
    },
    traits: { defaultSlots: 1, clampsMaxTokens: true, continuing: { ...unasked, trims: true } },
  },

  /** Puts the text of the turn behind the prompt. */
  sglang: {
    name: "SGLang",
    owner: "sglang",
    signs: ["/get_model_info"],
    details: [],
    read({ json, isListed }) {
      const { model_path, is_generation } = members(json("/get_model_info"));
      const isOwn = typeof model_path === "string" && typeof is_generation === "boolean";
      return isOwn || isListed ? {} : undefined;
    },
    traits: {
      defaultSlots: 64,
      countsInOptions: { continuous_usage_stats: true },
      continuing: { ...unasked, members: { continue_final_message: true } },
    },
  },

  /** Text Generation Inference; it continues a turn by itself. */
  tgi: {
    name: "TGI",
    signs: ["/info"],
    read({ json }) {
      const { model_id, max_concurrent_requests, max_total_tokens, version } = members(json("/info"));
      const [slots, contextLength] = [count(max_concurrent_requests), count(max_total_tokens)];
      if (slots === undefined && contextLength === undefined) return undefined;
      const models = typeof model_id === "string" ? [{ name: model_id }] : [];
      return { version: text(version), models, all: { contextLength, slots: slots || undefined } };
    },
    traits: { defaultSlots: 64, continuing: { ...unasked, trims: true } },
  },

  /** Must be asked to continue a turn, and refuses it without both members. */
  vllm: {
    name: "vLLM",
    owner: "vllm",
    signs: ["/version"],
    read: ({ json, isListed }) =>
      isListed ? { version: text(members(json("/version")).version) } : undefined,
    traits: {
      defaultSlots: 64,
      countsInOptions: { continuous_usage_stats: true },
      continuing: { members: finalMessage, mustBeAsked: true, trims: true, takesGrammar: false },
    },
  },
  openai: {
    name: "a server with OpenAI's API",
    signs: [],
    read: ({ hasList }) => (hasList ? {} : undefined),
  },
} satisfies Readonly<Record<string, ServerDescription>>;

/** All of them, in the order in which they are recognised. */
export const serverKinds: Readonly<Record<ServerKind, ServerDescription>> = table;

/** How servers of a kind behave. */
export const traitsOf = (kind: ServerKind): ServerTraits => ({
  ...commonTraits,
  ...serverKinds[kind].traits,
});

/** The objects of a list under `data`. */
const objects = (value: unknown): Record<string, unknown>[] => list(members(value).data).map(members);
