import type { Clock } from "../../core/clock.ts";
import { createMemoryStore } from "./memory-store.ts";
import type { Revocations } from "./revocations.ts";
import type { Store, StoreName } from "./store.ts";

/** How to open a store. */
export interface StoreOptions {
  readonly clock: Clock;
  /** How long a lease lasts, in milliseconds; default: `defaultLeaseTtlMs`. */
  readonly ttlMs?: number;
  readonly revocations?: Revocations;
}

/** Each kind; one that needs a client loads it when opened. */
const kinds: Readonly<Record<StoreName, (options: StoreOptions) => Promise<Store>>> = {
  memory: async (options) => createMemoryStore(options),
};

/** Opens a store; throws why it cannot be used. */
export const openStore = (name: StoreName, options: StoreOptions): Promise<Store> => kinds[name](options);
