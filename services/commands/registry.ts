import { join } from "node:path";
import { systemClock } from "../../core/clock.ts";
import type { Values } from "../../core/config/settings.ts";
import { register } from "../../core/rpc/contract.ts";
import { IdentityService } from "../../gen/cxmpute/registry/v1/identity_pb.ts";
import { RegistryService } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { createRegistry, type IdentityOptions, openFileStore, openStore } from "../registry/index.ts";
import { openAuthority, tlsFiles } from "./credentials.ts";
import { lockDataFolder } from "./data-lock.ts";
import { type Security, secure } from "./security.ts";
import { announce, serve, serveGrpc } from "./service.ts";
import { opsAddresses } from "./settings/parts.ts";
import type { registrySettings } from "./settings/services.ts";

/** Runs a registry until a signal ends it. */
export function registry(values: Values<typeof registrySettings>): Promise<number> {
  return serve("registry", values, { opsAddress: opsAddresses.registry }, async (lifecycle) => {
    const { add, log } = lifecycle;
    const security = secure(values, "registry", lifecycle);
    // In plain text it keeps nothing.
    if (security.credentials !== undefined)
      add({ name: "data folder", stop: lockDataFolder(values.data, "registry", log).unlock });
    const identities = await openIdentities(values, security);
    const store = await openStore(values.store, {
      clock: systemClock,
      ttlMs: values.leaseTtlMs,
      ...(identities === undefined ? {} : { revocations: identities.store.revocations }),
    });
    const service = createRegistry({
      store,
      clock: systemClock,
      log,
      ...(identities === undefined ? {} : { identities }),
    });
    add({ name: "registry", stop: () => service.close() });
    const address = await serveGrpc(
      {
        listen: values.listen,
        services: [
          register(RegistryService, service.implementation),
          register(IdentityService, service.identityImplementation),
        ],
        security,
        // Ends watches instead of waiting for them; routers keep what they know.
        close: service.close,
      },
      lifecycle,
    );
    lifecycle.readyWhen(() => service.whyNotReady());
    announce("registry", `listening on ${address}`);
  });
}

/** How this registry issues identities; undefined in plain text. */
async function openIdentities(
  values: Values<typeof registrySettings>,
  { credentials }: Security,
): Promise<IdentityOptions | undefined> {
  if (credentials === undefined) return undefined;
  const { data, tls, identityHours } = values;
  const inFolder = (name: string) => (tls === undefined ? undefined : join(tls, name));
  const certificate = values.nodeCaCert ?? inFolder(tlsFiles.nodeAuthority);
  const privateKey = values.nodeCaKey ?? inFolder(tlsFiles.nodeAuthorityKey);
  return {
    store: await openFileStore(join(data, "registry", "identities.json"), systemClock),
    credentials,
    termMs: identityHours * 3_600_000,
    ...(certificate === undefined || privateKey === undefined
      ? {}
      : { authority: openAuthority({ certificate, privateKey }) }),
  };
}
