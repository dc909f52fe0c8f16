import { z } from "zod";
import { isAnswer } from "./ask.ts";
import type { FactPath, Facts } from "./facts.ts";
import type { FoundModel, ServerFinding } from "./finding.ts";

/** What answers at an address. */
export type Identity =
  /** A server that computes tokens. */
  | Omit<ServerFinding, "url">
  /** Some server that wants a key before it says anything. */
  | { readonly kind: "locked" }
  /** Something else. */
  | { readonly kind: "other" };

/**
 * Tells which server answered so. The order matters: several of them answer each other's questions (LM Studio and
 * llama-server know some of Ollama's, all of them list models as OpenAI does), so what only one answers comes first.
 */
export function identify(facts: Facts): Identity {
  for (const recognise of recognisers) {
    const identity = recognise(facts);
    if (identity !== undefined) return identity;
  }
  return asksForKey(facts) ? { kind: "locked" } : { kind: "other" };
}

/** Whether the list of models needs another key than was sent. A page that says so is somebody else's. */
export function asksForKey(facts: Facts): boolean {
  const list = facts["/v1/models"];
  return isAnswer(list) && (list.status === 401 || list.status === 403) && list.json !== undefined;
}

type Recognise = (facts: Facts) => Identity | undefined;

const recognisers: readonly Recognise[] = [
  /** `/healthz` of our translator says whose it is. */
  (facts) => {
    const health = parse(facts, "/healthz", z.object({ service: z.literal("cxmpute") }));
    return health === undefined ? undefined : toMesh(facts);
  },

  /** LM Studio's own API; it also has Ollama's, in part. */
  (facts) => {
    const own = parse(facts, "/api/v0/models", lmStudioModels);
    if (own === undefined) return undefined;
    const models = own.data.map(({ id, max_context_length }) => toModel(id, undefined, max_context_length));
    return { kind: "lm-studio", engine: "openai", models };
  },

  /** llama.cpp's server: `/props` with its slots. With a key it shows only the list. */
  (facts) => {
    const props = parse(facts, "/props", llamaServerProps);
    const list = openAiModels(facts);
    if (props === undefined && list?.owner !== "llamacpp") return undefined;
    const version = props?.build_info;
    return { kind: "llama-server", engine: "openai", ...versionOf(version), models: list?.models ?? [] };
  },

  (facts) => {
    const version = parse(facts, "/api/version", z.object({ version: z.string() }));
    const tags = parse(facts, "/api/tags", ollamaTags);
    if (version === undefined || tags === undefined) return undefined;
    const models = tags.models.map(({ name, size }) => toModel(name, size));
    return { kind: "ollama", engine: "ollama", version: version.version, models };
  },

  (facts) => {
    const info = parse(
      facts,
      "/get_model_info",
      z.object({ model_path: z.string(), is_generation: z.boolean() }),
    );
    const list = openAiModels(facts);
    if (info === undefined && list?.owner !== "sglang") return undefined;
    return { kind: "sglang", engine: "openai", models: list?.models ?? [] };
  },

  (facts) => {
    const info = parse(facts, "/info", tgiInfo);
    if (info === undefined) return undefined;
    const models = openAiModels(facts)?.models ?? [toModel(info.model_id, undefined, info.max_total_tokens)];
    return { kind: "tgi", engine: "openai", ...versionOf(info.version), models };
  },

  (facts) => {
    const list = openAiModels(facts);
    if (list?.owner !== "vllm") return undefined;
    const version = parse(facts, "/version", z.object({ version: z.string() }))?.version;
    return { kind: "vllm", engine: "openai", ...versionOf(version), models: list.models };
  },

  /** A mesh behind something that answers `/healthz` itself. */
  (facts) => (openAiModels(facts)?.owner === "cxmpute-mesh" ? toMesh(facts) : undefined),

  (facts) => {
    const list = openAiModels(facts);
    return list === undefined ? undefined : { kind: "openai", engine: "openai", models: list.models };
  },
];

/** What it lists is known only with its key. */
const toMesh = (facts: Facts): Identity => ({
  kind: "mesh",
  engine: "openai",
  models: openAiModels(facts)?.models ?? [],
});

const llamaServerProps = z.object({
  total_slots: z.number(),
  default_generation_settings: z.object({}),
  build_info: z.string().optional(),
});

const ollamaTags = z.object({
  models: z
    .array(z.object({ name: z.string(), size: z.number().optional() }))
    .nullable()
    .transform((models) => models ?? []),
});

const lmStudioModels = z.object({
  data: z.array(z.object({ id: z.string(), type: z.string(), max_context_length: z.number().optional() })),
});

const tgiInfo = z.object({
  model_id: z.string(),
  max_concurrent_requests: z.number(),
  max_total_tokens: z.number().optional(),
  version: z.string().optional(),
});

const openAiList = z.object({
  data: z
    .array(
      z.object({
        id: z.string(),
        owned_by: z.string().nullish(),
        max_model_len: z.number().nullish(),
        meta: z.object({ n_ctx_train: z.number().nullish(), size: z.number().nullish() }).nullish(),
      }),
    )
    .nullable(),
});

/** OpenAI's list of models, and who is said to own the first of them. */
function openAiModels(facts: Facts): { owner: string | undefined; models: FoundModel[] } | undefined {
  const list = parse(facts, "/v1/models", openAiList);
  if (list === undefined) return undefined;
  const data = list.data ?? [];
  const models = data.map(({ id, max_model_len, meta }) =>
    toModel(id, meta?.size ?? undefined, max_model_len ?? undefined),
  );
  return { owner: data[0]?.owned_by ?? undefined, models };
}

function parse<Schema extends z.ZodType>(
  facts: Facts,
  path: FactPath,
  schema: Schema,
): z.output<Schema> | undefined {
  const answer = facts[path];
  if (!isAnswer(answer) || answer.status !== 200) return undefined;
  return schema.safeParse(answer.json).data;
}

function toModel(name: string, sizeBytes?: number, contextLength?: number): FoundModel {
  return {
    name,
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    ...(contextLength === undefined ? {} : { contextLength }),
  };
}

const versionOf = (version: string | undefined): { version?: string } =>
  version === undefined || version === "" ? {} : { version };
