import type { Catalogue } from "../../../core/catalogue/catalogue.ts";
import type { CatalogueEntry } from "../../../core/catalogue/entry.ts";
import type { Model } from "../../../gen/cxmpute/router/v1/router_pb.ts";

/** A model as `GET /catalogue` tells it: what is known of it, and how it is served now. Null: not known. */
export interface CatalogueModel {
  /** What requests call it. */
  readonly id: string;
  readonly object: "catalogue.model";
  readonly size: string | null;
  readonly active_size: string | null;
  readonly description: string | null;
  readonly best_for: string | null;
  /** Tokens, by the published configuration; null too when the model is not in the catalogue. */
  readonly context_length: number | null;
  readonly dimensions: number | null;
  readonly capabilities: readonly string[] | null;
  /** What engines call it. */
  readonly names: Readonly<Record<"ollama" | "hugging_face" | "gguf", readonly string[]>> | null;
  readonly serving: {
    /** Nodes that serve it now. */
    readonly nodes: number;
    /** Answers that can run at the same time, over all nodes. */
    readonly slots: number;
    /** The longest context that a node offers, in tokens. */
    readonly context_length: number | null;
    /** Of one answer, as measured: the median of the nodes. */
    readonly tokens_per_second: number | null;
  };
}

/** The whole catalogue in its order, then in order of name what is served and not in it. */
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

/** A measurement is not more exact than that. */
const toThreeDigits = (value: number): number => Number(value.toPrecision(3));
