import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { afterEach, expect, test } from "vitest";
import { register } from "../../core/rpc/contract.ts";
import { type GrpcServer, startGrpcServer } from "../../core/rpc/grpc-server.ts";
import { createGrpcTransport, type GrpcTransport } from "../../core/rpc/grpc-transport.ts";
import { maxConcurrentStreams } from "../../core/rpc/limits.ts";
import { silentLog } from "../../core/telemetry/log.ts";
import { RegistryService } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { GenerateResponseSchema, RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";

const mib = 1024 * 1024;
const open: { server: GrpcServer; transport: GrpcTransport }[] = [];
afterEach(async () => {
  for (const { server, transport } of open.splice(0)) {
    transport.close();
    await server.shutdown(0);
  }
});

/** A server in plain text, where every caller is trusted, and what it has been called with. */
async function start(listen = "127.0.0.1:0") {
  const registered: string[] = [];
  const held = Promise.withResolvers<void>();
  const models: string[] = [];
  const registry = register(RegistryService, {
    registerNode: ({ node }: { node: { id: string } }) => {
      registered.push(node.id);
      return {};
    },
  } as never);
  const router = register(RouterService, {
    async *generate({ generation: { model } }: { generation: { model: string } }) {
      models.push(model);
      if (model === "held") await held.promise;
      yield create(GenerateResponseSchema);
    },
  } as never);
  const server = await startGrpcServer({ listen, services: [registry, router], log: silentLog });
  const transport = createGrpcTransport({ address: server.address });
  open.push({ server, transport });
  return { server, transport, registered, release: held.resolve, models };
}

test("a registration of more than a megabyte is refused, and one of less is read", async () => {
  const { transport, registered } = await start();
  const client = createClient(RegistryService, transport);
  const register = (bytes: number) =>
    client.registerNode({ node: { id: `${bytes}`, version: "v".repeat(bytes) } });
  await expect(register(2 * mib)).rejects.toMatchObject({
    message: expect.stringContaining("Received message larger than max"),
  });
  await register(mib / 2);
  expect(registered).toEqual([`${mib / 2}`]);
});

test("a prompt may have dozens of megabytes", async () => {
  const { transport, models } = await start();
  const model = "m".repeat(40 * mib);
  await Array.fromAsync(createClient(RouterService, transport).generate({ generation: { model } }));
  expect(models[0]).toHaveLength(40 * mib);
});

test("a connection has no more streams than the limit, and the next ones wait for their turn", async () => {
  const { transport, release, models } = await start();
  const client = createClient(RouterService, transport);
  const answers = Array.from({ length: maxConcurrentStreams + 20 }, () =>
    Array.fromAsync(client.generate({ generation: { model: "held" } })),
  );
  await expect.poll(() => models.length).toBe(maxConcurrentStreams);
  release();
  await Promise.all(answers);
  expect(models).toHaveLength(maxConcurrentStreams + 20);
});

test("a host with several addresses is listened on at each", async () => {
  const { server } = await start("localhost:0");
  const { port } = new URL(`http://${server.address}`);
  for (const host of ["127.0.0.1", "localhost"]) {
    const transport = createGrpcTransport({ address: `${host}:${port}` });
    await createClient(RegistryService, transport).registerNode({ node: { id: host } });
    transport.close();
  }
});
