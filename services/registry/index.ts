import type { ServiceImpl } from "@connectrpc/connect";
import type { Clock } from "../../core/clock.ts";
import { toMeshError } from "../../core/errors/mesh-error.ts";
import type { ProtocolRange } from "../../core/protocol.ts";
import type { Log } from "../../core/telemetry/log.ts";
import type { IdentityService } from "../../gen/cxmpute/registry/v1/identity_pb.ts";
import type { RegistryService } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { createIdentityService, type IdentityOptions } from "./identities/service.ts";
import { createRegistryService } from "./service.ts";
import type { Store } from "./store.ts";

export { openFileStore } from "./identities/file-store.ts";
export type { IdentityOptions } from "./identities/service.ts";
export { openStore } from "./open-store.ts";

/** How to make a registry. */
export interface RegistryOptions {
  /** Where leases are kept; the registry closes it. */
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** How nodes get identities; absent in a mesh without TLS. */
  readonly identities?: IdentityOptions;
  readonly protocol?: ProtocolRange;
}

/** A registry, to be served or called in process. */
export interface Registry {
  readonly implementation: ServiceImpl<typeof RegistryService>;
  readonly identityImplementation: ServiceImpl<typeof IdentityService>;
  whyNotReady(): Promise<string | undefined>;
  close(): Promise<void>;
}

/** Makes a registry over a store. */
export function createRegistry(options: RegistryOptions): Registry {
  const { store, clock, log, identities, protocol } = options;
  return {
    implementation: createRegistryService(store, { clock, log, protocol }),
    identityImplementation: createIdentityService(identities, { clock, log }),
    whyNotReady: () =>
      store.list().then(
        () => undefined,
        (error: unknown) => `The store is unavailable: ${toMeshError(error).message}`,
      ),
    close: () => store.close(),
  };
}
