import type { Clock } from "../../../core/clock.ts";
import type { Model } from "../../../gen/cxmpute/router/v1/router_pb.ts";

/** The models that are served now, in order of name. Throws when no router can be asked. */
export type ListModels = () => Promise<readonly Model[]>;

/** How long an answer is reused, in milliseconds. */
const freshMs = 1000;
/** The same when there is no model: a mesh that just starts has one any moment. */
const emptyFreshMs = 100;

/** Asks at most once a second, and once for all who wait. A failure is not remembered. */
export function cacheModels(list: ListModels, clock: Clock): ListModels {
  let asked: Promise<readonly Model[]> | undefined;
  let known: { readonly models: readonly Model[]; readonly staleAt: number } | undefined;
  const ask = async () => {
    try {
      const models = await list();
      known = { models, staleAt: clock.now() + (models.length > 0 ? freshMs : emptyFreshMs) };
      return models;
    } finally {
      asked = undefined;
    }
  };
  return () => {
    if (known !== undefined && clock.now() < known.staleAt) return Promise.resolve(known.models);
    asked ??= ask();
    return asked;
  };
}
