import type { ServiceImpl } from "@connectrpc/connect";
import type { Clock } from "../../core/clock.ts";
import type { ProtocolRange } from "../../core/protocol.ts";
import type { Log } from "../../core/telemetry/log.ts";
import type { IdentityService } from "../../gen/cxmpute/registry/v1/identity_pb.ts";
import type { RegistryService } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { createIdentityService, type IdentityOptions } from "./identities/service.ts";
import { createMemoryStore } from "./memory-store.ts";
import { createRegistryService } from "./service.ts";

export { openFileStore } from "./identities/file-store.ts";
export type { IdentityOptions } from "./identities/service.ts";

/** How to make a registry. */
export interface RegistryOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** How long a node stays in the mesh without a word, in milliseconds. */
  readonly leaseTtlMs?: number;
  /** Where and how nodes get identities; absent in a mesh without TLS. */
  readonly identities?: IdentityOptions;
  /** Nodes that were revoked in an earlier life. */
  readonly revoked?: readonly string[];
  /** What it speaks and understands; default: what this program does. */
  readonly protocol?: ProtocolRange;
}

/** A registry, to be served or called in process. */
export interface Registry {
  readonly implementation: ServiceImpl<typeof RegistryService>;
  readonly identityImplementation: ServiceImpl<typeof IdentityService>;
  /** Ends every watch and lets go of all timers. */
  close(): void;
}

/** Makes a registry that keeps its leases in memory. */
export function createRegistry(options: RegistryOptions): Registry {
  const { clock, log, leaseTtlMs = 10_000, identities, revoked = [], protocol } = options;
  const store = createMemoryStore({ clock, ttlMs: leaseTtlMs, revoked });
  return {
    implementation: createRegistryService(store, {
      clock,
      log,
      ...(protocol === undefined ? {} : { protocol }),
    }),
    identityImplementation: createIdentityService(identities, { leases: store, clock, log }),
    close: () => store.close(),
  };
}
