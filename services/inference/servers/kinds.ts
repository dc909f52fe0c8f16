import { count, list, members, text } from "../engines/upstream/json.ts";
import type { ModelFacts } from "./model-facts.ts";

// All programs that serve models; a new one is one entry here.

/** A program that serves models; `openai` is any other with OpenAI's list. */
export type ServerKind = keyof typeof table;

interface Shown {
  /** The JSON from a path, if any. */
  readonly json: (path: string) => unknown;
  /** Whether the list of models, or a header, names this program. */
  readonly isListed: boolean;
  readonly hasList: boolean;
}

/** What a server's own endpoints report. */
export interface Reported {
  readonly version?: string;
  /** Our engine for it; default: `openai`. */
  readonly engine?: "ollama";
  /** Of each model, beyond the list; the models themselves if there is none. */
  readonly models?: readonly ModelFacts[];
  /** Facts of all models. */
  readonly all?: Omit<ModelFacts, "name">;
}

export interface ServerDescription {
  readonly name: string;
  /** Its `owned_by` in the list of models. */
  readonly owner?: string;
  /** The start of its `Server` header, in lower case. */
  readonly header?: string;
  /** Paths that identify it: cheap, and without effect on any server. */
  readonly signs: readonly string[];
  /** Paths to ask once the list identifies it; default: `signs`. */
  readonly details?: readonly string[];
  /** Its report; undefined when the answers are another program's. */
  readonly read: (shown: Shown) => Reported | undefined;
  readonly traits?: Partial<ServerTraits>;
}

/** What requests depend on. */
export interface ServerTraits {
  /** Concurrent generations, if not reported. */
  readonly defaultSlots: number;
  /** Whether token limits beyond the context are clamped instead of refused. */
  readonly clampsMaxTokens: boolean;
  /** Extra members of streamed requests. */
  readonly extras: Members;
  /** Members of `stream_options` for token counts with each chunk. */
  readonly countsInOptions: Members;
  /** Whether a schema forces calls from the start: where text may come first, small models never reach the call. */
  readonly forcesBySchema: boolean;
  /** How it is given the salt of a prefix cache: in a member of the body, or in the header of a mesh. */
  readonly salting: "member" | "header" | undefined;
  /** Members with which it does not reuse the prefix of another prompt, where it cannot be given a salt. */
  readonly uncached: Members;
  /** How it continues the assistant's turn at the end of a chat. */
  readonly continuing: Continuing;
}

interface Continuing {
  /** Members that request it. */
  readonly members: Members;
  /** Whether it starts a new turn without those members; others may not know them and continue anyway. */
  readonly mustBeAsked: boolean;
  /** Whether white space at the end of the turn may get lost. */
  readonly trims: boolean;
  /** Whether it accepts llama.cpp grammars, which can enforce an answer's first characters. */
  readonly takesGrammar: boolean;
}

type Members = Readonly<Record<string, boolean>>;

/** For servers that render with transformers' templates. */
const finalMessage = { continue_final_message: true, add_generation_prompt: false };
/** Continues unasked, or never. */
const unasked = { members: {}, mustBeAsked: false, trims: false, takesGrammar: false };

const commonTraits: ServerTraits = {
  defaultSlots: 4,
  clampsMaxTokens: false,
  extras: {},
  countsInOptions: {},
  forcesBySchema: false,
  salting: undefined,
  uncached: {},
  continuing: { members: finalMessage, mustBeAsked: false, trims: true, takesGrammar: false },
};

/**
 * In order of recognition, the most specific first: several answer each other's endpoints. Default slots keep
 * one GPU busy without long internal queues.
 */
const table = {
  /** The HTTP endpoint of this mesh or another. */
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
      salting: "header",
      continuing: { members: finalMessage, mustBeAsked: true, trims: false, takesGrammar: false },
    },
  },

  /** Reports which models are loaded. */
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
   * `return_progress` is a sign of life, `timings_per_token` counts tokens. Continues turns unless started
   * without; newer versions must be asked, older ones ignore it. With a key it shows only the list.
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
      uncached: { cache_prompt: false },
      continuing: { members: finalMessage, mustBeAsked: false, trims: false, takesGrammar: true },
    },
  },

  /** Used through its own API if possible: its OpenAI endpoints ignore forced calls. */
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

  /** Appends the turn's text to the prompt. */
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

  /** Text Generation Inference; continues turns unasked. */
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

  /** Continues a turn only when asked, with both members. */
  vllm: {
    name: "vLLM",
    owner: "vllm",
    signs: ["/version"],
    read: ({ json, isListed }) =>
      isListed ? { version: text(members(json("/version")).version) } : undefined,
    traits: {
      defaultSlots: 64,
      countsInOptions: { continuous_usage_stats: true },
      salting: "member",
      continuing: { members: finalMessage, mustBeAsked: true, trims: true, takesGrammar: false },
    },
  },
  openai: {
    name: "a server with OpenAI's API",
    signs: [],
    read: ({ hasList }) => (hasList ? {} : undefined),
  },
} satisfies Readonly<Record<string, ServerDescription>>;

export const serverKinds: Readonly<Record<ServerKind, ServerDescription>> = table;

export const traitsOf = (kind: ServerKind): ServerTraits => ({
  ...commonTraits,
  ...serverKinds[kind].traits,
});

/** The objects of a list under `data`. */
const objects = (value: unknown): Record<string, unknown>[] => list(members(value).data).map(members);
