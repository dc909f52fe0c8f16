import type { ServiceImpl } from "@connectrpc/connect";
import type { Clock } from "../../core/clock.ts";
import type { Log } from "../../core/telemetry/log.ts";
import type { RegistryService } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { createMemoryStore } from "./memory-store.ts";
import { createRegistryService } from "./service.ts";

/** How to make a registry. */
export interface RegistryOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** How long a node stays in the mesh without a word, in milliseconds. */
  readonly leaseTtlMs?: number;
}

/** A registry, to be served or called in process. */
export interface Registry {
  readonly implementation: ServiceImpl<typeof RegistryService>;
  /** Ends every watch and lets go of all timers. */
  close(): void;
}

/** Makes a registry that keeps its leases in memory. */
export function createRegistry({ clock, log, leaseTtlMs = 10_000 }: RegistryOptions): Registry {
  const store = createMemoryStore({ clock, ttlMs: leaseTtlMs });
  return { implementation: createRegistryService(store, log), close: () => store.close() };
}
