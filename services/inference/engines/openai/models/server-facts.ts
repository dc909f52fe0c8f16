import { count, list, members, text } from "../read-json.ts";
import { RequestFailure, type UpstreamClient } from "../upstream/client.ts";
import { readEventFault } from "../upstream/fault.ts";
import { kindOf, type ServerKind } from "../upstream/kinds.ts";
import { type ListedModel, readModels } from "./read-models.ts";

/** What a server tells of one model beside the list. */
export interface ModelFacts {
  readonly contextLength?: number | undefined;
  readonly slots?: number | undefined;
  readonly vision?: boolean | undefined;
  readonly embeddings?: boolean | undefined;
  /** False: it would be loaded from disk by the first request. */
  readonly loaded?: boolean | undefined;
}

/** What a server tells of itself. */
export interface ServerFacts {
  readonly kind: ServerKind;
  /** Its own version; empty when it does not tell. */
  readonly version: string;
  readonly models: readonly ListedModel[];
  factsOf(model: string): ModelFacts;
}

/**
 * Asks a server what it is and what it serves: the list of models, then one cheap question in its own dialect. Only
 * the list must be there; throws what the client throws.
 */
export async function askServer(
  client: UpstreamClient,
  signal: AbortSignal,
): Promise<ServerFacts | undefined> {
  const { json, headers } = await client.getJson(`${client.address.base}/models`, signal);
  const fault = readEventFault(json, false);
  if (fault !== undefined) throw new RequestFailure(fault);
  const models = readModels(json);
  if (models === undefined) return undefined;
  const listed = kindOf(models[0]?.ownedBy ?? "", headers.get("server") ?? "");
  const ask = async (path: string): Promise<unknown> => {
    try {
      return (await client.getJson(`${client.address.root}${path}`, signal)).json;
    } catch {
      signal.throwIfAborted();
      return undefined;
    }
  };
  const facts = await dialects[listed](ask);
  return { kind: listed, version: "", ...facts, models };
}

type Ask = (path: string) => Promise<unknown>;
type Dialect = (ask: Ask) => Promise<Pick<ServerFacts, "factsOf"> & Partial<ServerFacts>>;

const nothing: ModelFacts = {};

const llamaServer: Dialect = async (ask) => {
  const props = members(await ask("/props"));
  const facts: ModelFacts = {
    contextLength: count(members(props.default_generation_settings).n_ctx),
    slots: count(props.total_slots) || undefined,
    vision: members(props.modalities).vision === true,
  };
  return { version: text(props.build_info), factsOf: () => facts };
};

const vllm: Dialect = async (ask) => ({
  version: text(members(await ask("/version")).version),
  factsOf: () => nothing,
});

const mesh: Dialect = async (ask) => {
  const entries = list(members(await ask("/v1/catalogue")).data).map(members);
  const byName = new Map(
    entries.map(({ id, serving, capabilities }) => {
      const { slots, context_length } = members(serving);
      const known = Array.isArray(capabilities) ? capabilities : undefined;
      const facts: ModelFacts = {
        slots: count(slots) || undefined,
        contextLength: count(context_length) || undefined,
        vision: known === undefined ? undefined : known.includes("vision"),
      };
      return [text(id), facts];
    }),
  );
  return { factsOf: (model) => byName.get(model) ?? nothing };
};

/** LM Studio tells which models are loaded; older versions name no owner, so an unknown server is asked too. */
const lmStudio: Dialect = async (ask) => {
  const answer = await ask("/api/v0/models");
  const entries = list(members(answer).data).map(members);
  const byName = new Map(
    entries.map(({ id, type, state, loaded_context_length, max_context_length }) => {
      const facts: ModelFacts = {
        contextLength: count(loaded_context_length) ?? count(max_context_length),
        vision: text(type) === "vlm",
        embeddings: text(type) === "embeddings",
        loaded: text(state) === "" ? undefined : text(state) === "loaded",
      };
      return [text(id), facts];
    }),
  );
  return {
    ...(byName.size === 0 ? {} : { kind: "lm-studio" as const }),
    factsOf: (model) => byName.get(model) ?? nothing,
  };
};

/** Of unknown servers TGI is told by its `/info`. */
const unknown: Dialect = async (ask) => {
  const studio = await lmStudio(ask);
  if (studio.kind !== undefined) return studio;
  const info = members(await ask("/info"));
  if (typeof info.max_total_tokens !== "number") return { factsOf: () => nothing };
  const facts: ModelFacts = {
    contextLength: count(info.max_total_tokens),
    slots: count(info.max_concurrent_requests) || undefined,
  };
  return { kind: "tgi", version: text(info.version), factsOf: () => facts };
};

const silent: Dialect = async () => ({ factsOf: () => nothing });

const dialects: Readonly<Record<ServerKind, Dialect>> = {
  "llama-server": llamaServer,
  vllm,
  sglang: silent,
  "lm-studio": lmStudio,
  tgi: unknown,
  mesh,
  ollama: silent,
  unknown,
};
