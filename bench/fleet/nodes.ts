import { systemClock } from "../../core/clock.ts";
import { createGrpcTransport } from "../../core/rpc/grpc-transport.ts";
import { createLog } from "../../core/telemetry/log.ts";
import { createEngine, createNode } from "../../services/inference/index.ts";

// Many nodes in one process, each as `cxmpute join` makes it, with connections of its own. Arguments: how many, the
// registry, the router. Sends `{ ready: true }` once all are registered.

const [count = "0", registry = "", router = ""] = process.argv.slice(2);
const clock = systemClock;
const log = createLog({ service: "inference", level: "warn" });
/** So many join at the same time; thousands at once would measure the kernel's backlog. */
const atOnce = 50;
const synthetic = { engine: "synthetic", slots: 4, tokensPerSecond: 0, firstTokenMs: 0 } as const;
const never = new AbortController().signal;

const start = async (index: number): Promise<void> => {
  const node = createNode({
    id: `node-${String(index).padStart(5, "0")}`,
    engines: [createEngine(synthetic, { clock, log })],
    registry: { transport: createGrpcTransport({ address: registry }), name: "the registry" },
    routers: [{ transport: createGrpcTransport({ address: router }), name: "the router" }],
    version: "bench",
    clock,
    log,
  });
  await node.start(never);
};

for (let first = 0; first < Number(count); first += atOnce) {
  const length = Math.min(atOnce, Number(count) - first);
  await Promise.all(Array.from({ length }, (_, index) => start(first + index)));
}
process.send?.({ ready: true });
process.on("disconnect", () => process.exit());
