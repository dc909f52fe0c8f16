import type { Clock } from "../../../core/clock.ts";
import type { Model } from "../../../gen/cxmpute/router/v1/router_pb.ts";

/** Lists the models that are served, in order of name. Throws when no router can be reached. */
export type ListModels = () => Promise<readonly Model[]>;

const freshMs = 1000;
/** Shorter for an empty list: a mesh that is starting has a model any moment. */
const emptyFreshMs = 100;

/** Caches the list for a second and shares one call among all who wait. Failures are not cached. */
export function cacheModels(list: ListModels, clock: Clock): ListModels {
  let pending: Promise<readonly Model[]> | undefined;
  let cached: { readonly models: readonly Model[]; readonly staleAt: number } | undefined;
  const ask = async () => {
    try {
      const models = await list();
      cached = { models, staleAt: clock.now() + (models.length > 0 ? freshMs : emptyFreshMs) };
      return models;
    } finally {
      pending = undefined;
    }
  };
  return () => {
    if (cached !== undefined && clock.now() < cached.staleAt) return Promise.resolve(cached.models);
    pending ??= ask();
    return pending;
  };
}
