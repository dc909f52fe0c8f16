import { createClient } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../core/clock.ts";
import type { ProtocolRange } from "../../core/protocol.ts";
import { type Registration, register } from "../../core/rpc/contract.ts";
import { startGrpcServer } from "../../core/rpc/grpc-server.ts";
import { createGrpcTransport, type GrpcTransport } from "../../core/rpc/grpc-transport.ts";
import { createLog, type Log, silentLog } from "../../core/telemetry/log.ts";
import { InferenceService } from "../../gen/cxmpute/inference/v1/inference_pb.ts";
import { RegistryService } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { createNode, type InferenceNode } from "../../services/inference/index.ts";
import { createRegistry } from "../../services/registry/index.ts";
import { createMemoryStore } from "../../services/registry/memory-store.ts";
import { createRouter } from "../../services/router/index.ts";
import { FakeEngine } from "../support/inference/fake-engine.ts";
import { freeAddress } from "../support/mesh.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** What was said at level warn. */
function logInto(lines: string[]): Log {
  return createLog({
    service: "test",
    level: "warn",
    pretty: false,
    write: (line) => lines.push(JSON.parse(line).msg),
  });
}

async function serve(listen: string, services: Registration[]): Promise<string> {
  const server = await startGrpcServer({ listen, services, log: silentLog });
  cleanups.push(() => server.shutdown(0));
  return server.address;
}

function connect(address: string): GrpcTransport {
  const transport = createGrpcTransport({ address });
  cleanups.push(() => transport.close());
  return transport;
}

const clock = systemClock;
let registry: string;
let routerSays: string[];
let nodeSays: string[];
beforeEach(async () => {
  routerSays = [];
  nodeSays = [];
  const { implementation, close } = createRegistry({
    store: createMemoryStore({ clock }),
    clock,
    log: silentLog,
  });
  cleanups.push(close);
  registry = await serve("127.0.0.1:0", [register(RegistryService, implementation)]);
});

/** A router over gRPC that speaks so much; tells its address. */
async function startRouter(protocol?: ProtocolRange): Promise<string> {
  const router = createRouter({
    registry: connect(registry),
    dial: (address) => createGrpcTransport({ address }),
    clock,
    log: logInto(routerSays),
    ...(protocol === undefined ? {} : { protocol }),
  });
  cleanups.push(() => router.close());
  return serve("127.0.0.1:0", [register(RouterService, router.implementation)]);
}

/** A node `n` over gRPC that speaks so much, and attaches, or is dialled at `advertise`. */
async function startNode(
  router: string,
  { protocol, advertise }: { protocol?: ProtocolRange; advertise?: string },
): Promise<InferenceNode> {
  const node = createNode({
    id: "n",
    engines: [new FakeEngine()],
    registry: { transport: connect(registry), name: "the registry" },
    routers: [{ transport: connect(router), name: "the router at r:2" }],
    clock,
    log: logInto(nodeSays),
    ...(protocol === undefined ? {} : { protocol }),
    ...(advertise === undefined ? {} : { advertise }),
  });
  cleanups.push(() => node.close());
  if (advertise !== undefined) await serve(advertise, [register(InferenceService, node.implementation)]);
  await node.start(new AbortController().signal);
  return node;
}

const modelsOf = async (router: string): Promise<string[]> =>
  (await createClient(RouterService, connect(router)).listModels({})).models.map(({ name }) => name);

describe.each([
  { way: "attaches", dialled: false },
  { way: "is dialled", dialled: true },
])("a node that $way", ({ dialled }) => {
  const place = async () => (dialled ? { advertise: await freeAddress() } : {});
  const from = dialled ? "a router that dials this node" : "the router at r:2";

  test.each([
    {
      what: "is older than its router",
      router: { current: 3, oldest: 2 },
      node: undefined,
      says: "Update cxmpute on the node: it speaks version 1 of the mesh's protocol, the router versions 2 to 3.",
    },
    {
      what: "is newer than its router",
      router: undefined,
      node: { current: 3, oldest: 2 },
      says: "Update cxmpute on the router: it speaks version 1 of the mesh's protocol, the node versions 2 to 3.",
    },
  ])("and $what is not used, and both sides say what to update", async ({ router, node, says }) => {
    const address = await startRouter(router);
    await startNode(address, { ...(node === undefined ? {} : { protocol: node }), ...(await place()) });
    await expect.poll(() => routerSays).toEqual([`node n gets no work. ${says}`]);
    await expect.poll(() => nodeSays).toEqual([`${from} sends no work. ${says}`]);
    expect(await modelsOf(address)).toEqual([]);
  });

  test.each([
    { router: { current: 3, oldest: 1 }, node: undefined },
    { router: undefined, node: { current: 3, oldest: 1 } },
  ])("with a version in common is used: $node at $router", async ({ router, node }) => {
    const address = await startRouter(router);
    await startNode(address, { ...(node === undefined ? {} : { protocol: node }), ...(await place()) });
    await expect.poll(() => modelsOf(address)).toEqual(["m"]);
    expect([routerSays, nodeSays]).toEqual([[], []]);
  });
});
