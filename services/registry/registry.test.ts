import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { beforeEach, describe, expect, test } from "vitest";
import { MeshError } from "../../core/errors/mesh-error.ts";
import { register } from "../../core/rpc/contract.ts";
import { createInProcessTransport } from "../../core/rpc/in-process-transport.ts";
import { silentLog } from "../../core/telemetry/log.ts";
import { type Node, NodeSchema, RegistryService } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { FakeClock } from "../../test/support/core/fake-clock.ts";
import { createRegistry, openStore } from "./index.ts";
import { createMemoryStore } from "./memory-store.ts";
import { type Store, storeNames } from "./store.ts";

const record = (change: (node: Node) => void = () => {}): Node => {
  const node = create(NodeSchema, {
    id: "gpu-1.example",
    address: "10.0.0.7:50053",
    version: "0.1.0",
    models: [
      { model: "llama3.1:8b", engineName: "meta-llama/Llama-3.1-8B-Instruct", engine: "openai", slots: 4 },
    ],
  });
  change(node);
  return node;
};

describe("the registry", () => {
  let clock: FakeClock;
  let client: ReturnType<typeof createClient<typeof RegistryService>>;
  beforeEach(() => {
    clock = new FakeClock();
    const { implementation } = createRegistry({ store: createMemoryStore({ clock }), clock, log: silentLog });
    client = createClient(
      RegistryService,
      createInProcessTransport([register(RegistryService, implementation)]),
    );
  });

  test("registers, renews, lists and deregisters a node", async () => {
    const { leaseId, ttlMs, revision } = await client.registerNode({ node: record() });
    expect({ ttlMs, revision }).toEqual({ ttlMs: 10_000, revision: 1n });
    expect(await client.renewLease({ leaseId })).toMatchObject({ ttlMs: 10_000, nodeId: "gpu-1.example" });
    expect((await client.listNodes({})).nodes).toEqual([record()]);
    await client.deregisterNode({ leaseId });
    await client.deregisterNode({ leaseId });
    expect(await client.listNodes({})).toMatchObject({ nodes: [], revision: 2n });
  });

  test("tells a node whose lease has lapsed to register again", async () => {
    const { leaseId } = await client.registerNode({ node: record() });
    await clock.advance(10_001);
    await expect(client.renewLease({ leaseId })).rejects.toMatchObject({
      kind: "invalid_request",
      code: "lease_lapsed",
    });
  });

  test("tells a node whose lease was replaced the same", async () => {
    const { leaseId } = await client.registerNode({ node: record() });
    await client.registerNode({ node: record() });
    await expect(client.renewLease({ leaseId })).rejects.toMatchObject({ code: "lease_lapsed" });
  });

  test("streams a snapshot and the changes after it", async () => {
    await client.registerNode({ node: record() });
    const controller = new AbortController();
    const events: string[] = [];
    for await (const { event } of client.watchNodes({}, { signal: controller.signal })) {
      events.push(
        event.case === "change" ? `${event.value.revision} ${event.value.change.case}` : `${event.case}`,
      );
      if (events.length === 1) await client.registerNode({ node: record((node) => (node.draining = true)) });
      if (events.length === 2) await clock.advance(10_001);
      if (events.length === 3) break;
    }
    controller.abort();
    expect(events).toEqual(["snapshot", "2 upserted", "3 removed"]);
  });

  test.each<[string, string, (node: Node) => void]>([
    ["an empty id", "node.id", (node) => (node.id = "")],
    ["an id with a space", "node.id", (node) => (node.id = "my node")],
    ["an id that is too long", "node.id", (node) => (node.id = "a".repeat(129))],
    ["an address without a port", "node.address", (node) => (node.address = "10.0.0.7")],
    ["an address with port 0", "node.address", (node) => (node.address = "10.0.0.7:0")],
    ["an address with a port above 65535", "node.address", (node) => (node.address = "10.0.0.7:65536")],
    ["a URL as an address", "node.address", (node) => (node.address = "http://10.0.0.7:50053")],
    ["a bare IPv6 address", "node.address", (node) => (node.address = "::1:50053")],
    ["a model without a name", "node.models[0].model", (node) => (node.models[0]!.model = "")],
    ["a name with a newline", "node.models[0].model", (node) => (node.models[0]!.model = "a\nb")],
    ["no engine", "node.models[0].engine", (node) => (node.models[0]!.engine = "")],
    ["no slots", "node.models[0].slots", (node) => (node.models[0]!.slots = 0)],
    ["too many slots", "node.models[0].slots", (node) => (node.models[0]!.slots = 1_000_000)],
    ["the same model twice", "node.models[1].model", (node) => node.models.push(node.models[0]!)],
    [
      "too many models",
      "node.models",
      (node) => {
        node.models = Array.from({ length: 513 }, (_, index) => ({ ...node.models[0]!, model: `m${index}` }));
      },
    ],
    ["a version that is too long", "node.version", (node) => (node.version = "9".repeat(65))],
  ])("refuses %s and names the field", async (_, param, change) => {
    await expect(client.registerNode({ node: record(change) })).rejects.toMatchObject({
      kind: "invalid_request",
      param,
      message: expect.stringContaining(param),
    });
    expect((await client.listNodes({})).nodes).toEqual([]);
  });

  test("refuses a registration without a record", async () => {
    await expect(client.registerNode({})).rejects.toMatchObject({ kind: "invalid_request", param: "node" });
  });

  test.each(["", "node.example.org:50053", "[2001:db8::7]:50053", "my_host:1"])(
    "takes %j as an address",
    async (address) => {
      await client.registerNode({ node: record((node) => (node.address = address)) });
      expect((await client.listNodes({})).nodes[0]?.address).toBe(address);
    },
  );
});

test("a registry is ready while its store can be used, and says what keeps it from that", async () => {
  const clock = new FakeClock();
  const memory = createMemoryStore({ clock });
  let failure: MeshError | undefined;
  const store: Store = {
    ...memory,
    list: () => (failure === undefined ? memory.list() : Promise.reject(failure)),
  };
  const registry = createRegistry({ store, clock, log: silentLog });
  expect(await registry.whyNotReady()).toBeUndefined();
  failure = new MeshError("no_nodes", "Nobody answers at store:1.");
  expect(await registry.whyNotReady()).toBe("The store is unavailable: Nobody answers at store:1.");
  await registry.close();
});

test("a store of a kind that there is can be opened by its name", async () => {
  for (const name of storeNames) {
    const store = await openStore(name, { clock: new FakeClock(), ttlMs: 1234 });
    expect(store.ttlMs).toBe(1234);
    await store.close();
  }
});
