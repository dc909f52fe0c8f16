import { z } from "zod";
import type { Catalogue } from "../../../core/catalogue/catalogue.ts";
import { type CatalogueEntry, capabilities } from "../../../core/catalogue/entry.ts";
import type { Model } from "../../../gen/cxmpute/router/v1/router_pb.ts";
import { count, type Described } from "../answers/wire.ts";
import type { ListModels } from "../models/model-list.ts";

/** Returns the catalogue, always the same one. Loaded on first use: that takes 0.1 s. */
export type CatalogueSource = () => Catalogue;

interface CatalogueOptions {
  readonly catalogue: CatalogueSource;
  readonly listModels: ListModels;
}

/** `GET /catalogue`: every model that is known or served, and how it is currently served. */
export const createCatalogueRoute =
  ({ catalogue, listModels }: CatalogueOptions) =>
  async () => ({ object: "list", data: listCatalogue(catalogue(), await listModels()) });

const positive = z.number().min(1).meta({ type: "integer" }).nullable();

/** A model of the catalogue and how it is served; null means unknown. */
export const catalogueModel = z.object({
  id: z.string().describe("The ID that requests refer to the model by."),
  object: z.literal("catalogue.model"),
  size: z.string().nullable().describe("The number of parameters, such as `8B`, `8x7B` or `137M`."),
  active_size: z
    .string()
    .nullable()
    .describe("The number of parameters that are active for one token, if not all are."),
  description: z.string().nullable(),
  best_for: z.string().nullable(),
  context_length: positive.describe("The context length in tokens, by the published configuration."),
  dimensions: positive.describe("The number of dimensions of an embedding."),
  capabilities: z.array(z.enum(capabilities)).nullable(),
  names: z
    .object({
      ollama: z.array(z.string()),
      hugging_face: z.array(z.string()),
      gguf: z.array(z.string()),
    })
    .nullable()
    .describe("The names of the model in engines and repositories."),
  serving: z.object({
    nodes: count.describe("The number of nodes that currently serve the model."),
    slots: count.describe("The number of answers that all nodes together can generate at the same time."),
    context_length: positive.describe("The longest context that a node offers, in tokens."),
    tokens_per_second: z
      .number()
      .gt(0)
      .nullable()
      .describe("The measured speed of one answer: the median of the nodes."),
  }),
});

export const catalogueList = z.object({ object: z.literal("list"), data: z.array(catalogueModel) });

export type CatalogueModel = Described<typeof catalogueModel>;

/** The catalogue in its order, then other served models in order of name. */
export function listCatalogue({ entries, get }: Catalogue, served: readonly Model[]): CatalogueModel[] {
  const byName = new Map(served.map((model) => [model.name, model]));
  return [
    ...entries.map((entry) => toModel(entry.name, entry, byName.get(entry.name))),
    ...served
      .filter(({ name }) => get(name) === undefined)
      .map((model) => toModel(model.name, undefined, model)),
  ];
}

const toModel = (
  id: string,
  entry: CatalogueEntry | undefined,
  served: Model | undefined,
): CatalogueModel => ({
  id,
  object: "catalogue.model",
  size: entry?.size ?? null,
  active_size: entry?.activeSize ?? null,
  description: entry?.description ?? null,
  best_for: entry?.bestFor ?? null,
  context_length: entry?.contextLength ?? null,
  dimensions: entry?.dimensions ?? null,
  capabilities: entry?.capabilities ?? null,
  names:
    entry === undefined
      ? null
      : { ollama: entry.names.ollama, hugging_face: entry.names.huggingFace, gguf: entry.names.gguf },
  serving: {
    nodes: served?.nodes ?? 0,
    slots: served?.slots ?? 0,
    context_length: served?.contextLength || null,
    tokens_per_second: served?.tokensPerSecond === undefined ? null : toThreeDigits(served.tokensPerSecond),
  },
});

/** Measurements are no more exact than three digits. */
const toThreeDigits = (value: number): number => Number(value.toPrecision(3));
