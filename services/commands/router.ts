import { systemClock } from "../../core/clock.ts";
import type { Values } from "../../core/config/settings.ts";
import { register } from "../../core/rpc/contract.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { createRouter } from "../router/index.ts";
import { secure } from "./security.ts";
import { announce, serve, serveGrpc } from "./service.ts";
import { opsAddresses, toRouterLimits } from "./settings/parts.ts";
import type { routerSettings } from "./settings/services.ts";

/** Runs a router until a signal ends it. */
export function router(values: Values<typeof routerSettings>): Promise<number> {
  return serve("router", values, { opsAddress: opsAddresses.router }, async (lifecycle) => {
    const { add, log } = lifecycle;
    const security = secure(values, "router", lifecycle);
    const registry = security.connect(values.registry, { role: "registry" });
    add({ name: "connection to the registry", stop: () => registry.close() });
    const service = createRouter({
      registry,
      dial: (address, id) => security.connect(address, { role: "node", id }),
      ...toRouterLimits(values),
      clock: systemClock,
      log,
    });
    add({ name: "router", stop: () => service.close() });
    const address = await serveGrpc(
      {
        listen: values.listen,
        services: [register(RouterService, service.implementation)],
        security,
        drain: service.drain,
        close: service.close,
      },
      lifecycle,
    );
    lifecycle.readyWhen(() => service.whyNotReady());
    announce("router", `listening on ${address}, nodes from the registry at ${values.registry}`);
  });
}
