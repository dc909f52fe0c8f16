import type { Clock } from "../../core/clock.ts";
import { createMemoryStore } from "./memory-store.ts";
import type { Revocations } from "./revocations.ts";
import type { Store, StoreName } from "./store.ts";

/** What a store of any kind is opened with. */
export interface StoreOptions {
  readonly clock: Clock;
  /** How long a node stays in the mesh without a word, in milliseconds; default: `defaultLeaseTtlMs`. */
  readonly ttlMs?: number;
  /** Who must not come back; default: nobody. */
  readonly revocations?: Revocations;
}

/** Opens each kind; one that needs a client loads it when it is opened. */
const kinds: Readonly<Record<StoreName, (options: StoreOptions) => Promise<Store>>> = {
  memory: async (options) => createMemoryStore(options),
};

/** Opens the store of a name. Throws what keeps it from being used. */
export const openStore = (name: StoreName, options: StoreOptions): Promise<Store> => kinds[name](options);
