import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { systemClock } from "../../core/clock.ts";
import type { Values } from "../../core/config/settings.ts";
import { register } from "../../core/rpc/contract.ts";
import { createGrpcTransport } from "../../core/rpc/grpc-transport.ts";
import { InferenceService } from "../../gen/cxmpute/inference/v1/inference_pb.ts";
import { createNode } from "../inference/index.ts";
import { toEngine } from "./engine.ts";
import { version } from "./places.ts";
import { announce, listenGrpc, serve } from "./service.ts";
import type { joinSettings } from "./settings/services.ts";

/** What open calls get to end once the generations have, in milliseconds. */
const closingMs = 1000;

/** Runs a node until a signal ends it. */
export function join(values: Values<typeof joinSettings>): Promise<number> {
  return serve("inference", values, async ({ signal, add }, logFor) => {
    const log = logFor("inference");
    const id = values.nodeId ?? createNodeId();
    log.info({ node_id: id, registry: values.registry }, "joining the mesh");
    const connect = (address: string) => {
      const transport = createGrpcTransport({ address });
      add({ name: `connection to ${address}`, stop: () => transport.close() });
      return transport;
    };
    const registry = connect(values.registry);
    const { advertise } = values;
    // A node that is dialled dials nobody.
    const routers = advertise === undefined ? values.routers.map(connect) : [];
    const node = createNode({
      id,
      engines: [toEngine(values, { clock: systemClock, log })],
      registry,
      routers,
      ...(advertise === undefined ? {} : { advertise }),
      version,
      clock: systemClock,
      log,
    });
    add({ name: "node", drain: (graceMs) => node.drain(graceMs), stop: () => node.close() });

    const listen = values.listen ?? advertise;
    if (listen !== undefined) {
      const services = [register(InferenceService, node.implementation)];
      const server = await listenGrpc({ listen, services, log });
      add({
        name: "gRPC server",
        // Relays last for ever: their generations are waited for, then the relays are ended.
        drain: async (graceMs) => {
          server.setServing(false);
          await node.drain(graceMs);
          await node.close();
          await server.shutdown(closingMs);
        },
      });
      announce("join", `listening on ${server.address}`);
    }
    await node.start(signal);
    const way =
      advertise === undefined ? `attaches to ${values.routers.join(", ")}` : `is dialled at ${advertise}`;
    announce("join", `node ${id} is registered and ${way}`);
  });
}

/** Readable, and unique even among nodes of one machine. */
export const createNodeId = (): string =>
  `${hostname().replace(/^\W+|[^\w.-]/g, "") || "node"}-${randomBytes(3).toString("hex")}`;
