import { catalogueNames } from "../../../core/catalogue/catalogue-names.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Model } from "../../../gen/cxmpute/router/v1/router_pb.ts";

/** The most names that are remembered; beyond, the one seen first is forgotten. */
const nameLimit = 10_000;
/** When to ask again for a model that is not served now. */
const retryMs = 5000;

/** Which models may come although no node serves them now, as far as this translator has seen. */
export class KnownModels {
  readonly #names: ReadonlySet<string>;
  readonly #seen = new Set<string>();

  /** `names`: models that exist, whether they have been served or not. */
  constructor(names: ReadonlySet<string> = catalogueNames()) {
    this.#names = names;
  }

  /** Remembers what is served now. */
  see(models: readonly Model[]): void {
    for (const { name } of models) this.#seen.add(name);
    for (const oldest of this.#seen) {
      if (this.#seen.size <= nameLimit) return;
      this.#seen.delete(oldest);
    }
  }

  /** Why a model is missing from what is served now; undefined when it is not known that there is such a model. */
  whyAway(name: string, served: readonly Model[]): MeshError | undefined {
    this.see(served);
    const options = { retryAfterMs: retryMs };
    if (this.#seen.size === 0)
      return new MeshError("no_nodes", "No node of this mesh serves a model yet: try again soon.", options);
    if (!this.#seen.has(name) && !this.#names.has(name)) return undefined;
    return new MeshError(
      "no_nodes",
      `No node serves the model \`${name}\` right now: try again soon.`,
      options,
    );
  }
}
