import { systemClock } from "../../core/clock.ts";
import type { Values } from "../../core/config/settings.ts";
import { register } from "../../core/rpc/contract.ts";
import { createGrpcTransport } from "../../core/rpc/grpc-transport.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { createRouter } from "../router/index.ts";
import { announce, listenGrpc, serve } from "./service.ts";
import type { routerSettings } from "./settings/services.ts";

/** What open calls get to end once the generations have, in milliseconds. */
const closingMs = 1000;

/** Runs a router until a signal ends it. */
export function router(values: Values<typeof routerSettings>): Promise<number> {
  return serve("router", values, async ({ add }, logFor) => {
    const log = logFor("router");
    const registry = createGrpcTransport({ address: values.registry });
    add({ name: "connection to the registry", stop: () => registry.close() });
    const { queueLimit, callerQueueLimit, queueTimeoutMs } = values;
    const service = createRouter({
      registry,
      dial: (address) => createGrpcTransport({ address }),
      queueLimit,
      callerQueueLimit,
      queueTimeoutMs,
      clock: systemClock,
      log,
    });
    add({ name: "router", stop: () => service.close() });
    const server = await listenGrpc({
      listen: values.listen,
      services: [register(RouterService, service.implementation)],
      log,
    });
    add({
      name: "gRPC server",
      // Relays last for ever: their generations are waited for, then the relays are ended.
      drain: async (graceMs) => {
        server.setServing(false);
        await service.drain(graceMs);
        service.close();
        await server.shutdown(closingMs);
      },
    });
    announce("router", `listening on ${server.address}, nodes from the registry at ${values.registry}`);
  });
}
