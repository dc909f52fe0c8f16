import { systemClock } from "../../core/clock.ts";
import type { Values } from "../../core/config/settings.ts";
import { register } from "../../core/rpc/contract.ts";
import { RegistryService } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { createRegistry } from "../registry/index.ts";
import { announce, listenGrpc, serve } from "./service.ts";
import type { registrySettings } from "./settings/services.ts";

/** What open calls get to end once the watches have been ended, in milliseconds. */
const closingMs = 1000;

/** Runs a registry until a signal ends it. */
export function registry(values: Values<typeof registrySettings>): Promise<number> {
  return serve("registry", values, async ({ add }, logFor) => {
    const log = logFor("registry");
    const service = createRegistry({ clock: systemClock, log, leaseTtlMs: values.leaseTtlMs });
    add({ name: "registry", stop: () => service.close() });
    const server = await listenGrpc({
      listen: values.listen,
      services: [register(RegistryService, service.implementation)],
      log,
    });
    add({
      name: "gRPC server",
      // Watches last for ever, so they are ended rather than waited for; routers keep what they know.
      drain: async (graceMs) => {
        server.setServing(false);
        service.close();
        await server.shutdown(Math.min(graceMs, closingMs));
      },
    });
    announce("registry", `listening on ${server.address}`);
  });
}
