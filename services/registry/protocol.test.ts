import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { type ProtocolRange, protocol } from "../../core/protocol.ts";
import { register } from "../../core/rpc/contract.ts";
import { createInProcessTransport } from "../../core/rpc/in-process-transport.ts";
import { silentLog } from "../../core/telemetry/log.ts";
import { NodeSchema, RegistryService } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { FakeClock } from "../../test/support/core/fake-clock.ts";
import { createRegistry } from "./index.ts";
import { createMemoryStore } from "./memory-store.ts";

/** A client of a registry that speaks and understands so much. */
function clientOf(range?: ProtocolRange) {
  const clock = new FakeClock();
  const options = {
    store: createMemoryStore({ clock }),
    clock,
    log: silentLog,
    ...(range === undefined ? {} : { protocol: range }),
  };
  const { implementation } = createRegistry(options);
  return {
    clock,
    client: createClient(
      RegistryService,
      createInProcessTransport([register(RegistryService, implementation)]),
    ),
  };
}

const node = create(NodeSchema, { id: "n" });

test("a node that is too old for the registry is refused, with what to update", async () => {
  const { client } = clientOf({ oldest: 2, current: 3 });
  const refused = {
    kind: "invalid_request",
    code: "protocol_version",
    message:
      "Update cxmpute on the node: it speaks version 1 of the mesh's protocol, the registry versions 2 to 3.",
  };
  await expect(client.registerNode({ node, protocolVersion: 1 })).rejects.toMatchObject(refused);
  // A node that tells no version was made before there were several.
  await expect(client.registerNode({ node })).rejects.toMatchObject(refused);
  expect((await client.listNodes({})).nodes).toEqual([]);
});

test("a node that is too new for the registry is told that the registry is outdated", async () => {
  const { client } = clientOf();
  await expect(client.registerNode({ node, protocolVersion: protocol.current + 1 })).rejects.toMatchObject({
    message: expect.stringContaining("Update cxmpute on the registry:"),
  });
  // One that is newer, and still speaks what the registry does, is none.
  const versions = { protocolVersion: protocol.current + 1, oldestProtocolVersion: protocol.current };
  await expect(client.registerNode({ node, ...versions })).resolves.toMatchObject({
    protocolVersion: protocol.current,
  });
});

test("a registry tells its version and its time, to whoever asks and to nodes that register", async () => {
  const { client, clock } = clientOf({ oldest: 1, current: 2 });
  const nowMs = BigInt(clock.wallTime());
  expect(await client.describeRegistry({})).toMatchObject({
    nowMs,
    protocolVersion: 2,
    oldestProtocolVersion: 1,
  });
  expect(await client.registerNode({ node, protocolVersion: 1 })).toMatchObject({
    nowMs,
    protocolVersion: 2,
    oldestProtocolVersion: 1,
  });
});
