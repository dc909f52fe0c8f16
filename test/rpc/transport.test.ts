import { createServer, type Socket } from "node:net";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type ServiceImpl, type Transport } from "@connectrpc/connect";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { MeshError } from "../../core/errors/mesh-error.ts";
import { openRelay } from "../../core/relay/client.ts";
import { serveRelay } from "../../core/relay/server.ts";
import { register } from "../../core/rpc/contract.ts";
import { type GrpcServer, startGrpcServer } from "../../core/rpc/grpc-server.ts";
import { createGrpcTransport } from "../../core/rpc/grpc-transport.ts";
import { createInProcessTransport } from "../../core/rpc/in-process-transport.ts";
import { Channel } from "../../core/streams/channel.ts";
import { scoped } from "../../core/streams/scoped.ts";
import { createLog } from "../../core/telemetry/log.ts";
import {
  FinishReason,
  GenerationEventSchema,
  GenerationSchema,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";

type Router = Partial<ServiceImpl<typeof RouterService>>;

const log = createLog({ service: "test", level: "silent" });
const never = new AbortController().signal;
const delta = (text: string) => create(GenerationEventSchema, { event: { case: "delta", value: { text } } });
const finished = create(GenerationEventSchema, {
  event: { case: "finished", value: { reason: FinishReason.STOP } },
});

const cleanups: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function overGrpc(implementation: Router): Promise<{ transport: Transport; server: GrpcServer }> {
  const services = [register(RouterService, implementation as ServiceImpl<typeof RouterService>)];
  const server = await startGrpcServer({ listen: "127.0.0.1:0", services, log });
  const transport = createGrpcTransport({ address: server.address });
  cleanups.push(
    () => server.shutdown(0),
    () => transport.close(),
  );
  return { transport, server };
}

const shapes = [
  { shape: "over gRPC", connect: async (router: Router) => (await overGrpc(router)).transport },
  {
    shape: "in process",
    connect: async (router: Router) =>
      createInProcessTransport([register(RouterService, router as ServiceImpl<typeof RouterService>)]),
  },
];

describe.each(shapes)("a transport $shape", ({ connect }) => {
  test("answers unary calls", async () => {
    const transport = await connect({
      listModels: () => ({ models: [{ name: "llama3.1:8b", nodes: 2 }] }),
    });
    const { models } = await createClient(RouterService, transport).listModels({});
    expect(models.map(({ name, nodes }) => ({ name, nodes }))).toEqual([{ name: "llama3.1:8b", nodes: 2 }]);
  });

  test("carries a MeshError with everything that it says", async () => {
    const thrown = new MeshError("caller_queue_full", "Your queue is full — wait. ✓", {
      code: "rate_limit_exceeded",
      param: "model",
      retryAfterMs: 1500,
    });
    const transport = await connect({
      listModels: () => {
        throw thrown;
      },
      // biome-ignore lint/correctness/useYield: it fails before it says anything
      generate: async function* () {
        throw thrown;
      },
    });
    const client = createClient(RouterService, transport);
    const expected = {
      kind: "caller_queue_full",
      message: thrown.message,
      code: "rate_limit_exceeded",
      param: "model",
      retryAfterMs: 1500,
    };
    await expect(client.listModels({})).rejects.toMatchObject(expected);
    await expect(Array.fromAsync(client.generate({}))).rejects.toMatchObject(expected);
  });

  test("says that a method is not served", async () => {
    const transport = await connect({ listModels: () => ({}) });
    await expect(Array.fromAsync(createClient(RouterService, transport).generate({}))).rejects.toBeInstanceOf(
      MeshError,
    );
  });

  test("streams answers in order", async () => {
    const transport = await connect({
      generate: async function* ({ generation }) {
        for (let index = 0; index < 200; index++) yield { event: delta(`${generation?.id}:${index}`) };
      },
    });
    const answers = await Array.fromAsync(
      createClient(RouterService, transport).generate({ generation: { id: "g" } }),
    );
    expect(
      answers.map(({ event }) => (event?.event.case === "delta" ? event.event.value.text : undefined)),
    ).toEqual(Array.from({ length: 200 }, (_, index) => `g:${index}`));
  });

  test.each(["abort", "leave"] as const)(
    "ends the handler's signal when the caller would %s",
    async (how) => {
      const ended = new Channel<string>({ capacity: 1 });
      const transport = await connect({
        generate: async function* (_, context) {
          context.signal.addEventListener("abort", () => ended.push("ended"));
          yield { event: delta("first") };
          await new Promise((_, reject) =>
            context.signal.addEventListener("abort", () => reject(context.signal.reason)),
          );
        },
      });
      const caller = new AbortController();
      const client = createClient(RouterService, transport);
      const stream = scoped(caller.signal, (signal) => client.generate({}, { signal }));
      expect((await stream.next()).value?.event?.event.case).toBe("delta");
      if (how === "abort") {
        const waiting = stream.next();
        caller.abort(new MeshError("cancelled", "gone"));
        await expect(waiting).rejects.toMatchObject({ message: "gone" });
      } else await stream.return(undefined);
      expect((await ended.next()).value).toBe("ended");
    },
  );

  test("gives the caller's time limit to the handler", async () => {
    let timeoutMs: number | undefined;
    const transport = await connect({
      listModels: (_, context) => {
        timeoutMs = context.timeoutMs();
        return {};
      },
    });
    await createClient(RouterService, transport).listModels({}, { timeoutMs: 5000 });
    expect(timeoutMs).toBeGreaterThan(1000);
    expect(timeoutMs).toBeLessThanOrEqual(5000);
  });

  test("carries a relay", async () => {
    const transport = await connect({
      relay: async function* (requests, context) {
        const frames = (async function* () {
          for await (const { frame } of requests) if (frame !== undefined) yield frame;
        })();
        const generate = async function* ({ id }: { id: string }) {
          for (let index = 0; index < 20; index++) {
            yield delta(`${id}.${index} `);
            await new Promise(setImmediate);
          }
          yield finished;
        };
        for await (const frame of serveRelay({
          generate,
          frames,
          signal: context.signal,
          clock: systemClock,
        }))
          yield { frame };
      },
    });
    const client = createClient(RouterService, transport);
    const relay = openRelay({
      clock: systemClock,
      exchange: async function* (outgoing, signal) {
        const requests = (async function* () {
          for await (const frame of outgoing) yield { frame };
        })();
        for await (const { frame } of client.relay(requests, { signal }))
          if (frame !== undefined) yield frame;
      },
    });
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        Array.fromAsync(relay.generate(create(GenerationSchema, { id: `g${index}` }), never)),
      ),
    );
    answers.forEach((events, index) => {
      const text = events.map(({ event }) => (event.case === "delta" ? event.value.text : "")).join("");
      expect(text).toBe(Array.from({ length: 20 }, (_, n) => `g${index}.${n} `).join(""));
    });
    relay.close(new MeshError("cancelled", "test over"));
  });
});

describe("a gRPC server", () => {
  test("answers health and says when it stops serving", async () => {
    const { server } = await overGrpc({ listModels: () => ({}) });
    const { check } = await import("./health-client.ts");
    expect(await check(server.address, "")).toBe("SERVING");
    expect(await check(server.address, RouterService.typeName)).toBe("SERVING");
    server.setServing(false);
    expect(await check(server.address, RouterService.typeName)).toBe("NOT_SERVING");
  });

  test("describes its services by reflection", async () => {
    const { server } = await overGrpc({ listModels: () => ({}) });
    const { listServices, describeSymbol } = await import("./reflection-client.ts");
    expect(await listServices(server.address)).toContain(RouterService.typeName);
    expect(await describeSymbol(server.address, "cxmpute.router.v1.RouterService.Generate")).toContain(
      "cxmpute/router/v1/router.proto",
    );
  });

  test("shuts down while a health watch and a stream are open, and aborts the stream", async () => {
    const { transport, server } = await overGrpc({
      generate: async function* (_, context) {
        yield { event: delta("first") };
        await new Promise((_, reject) =>
          context.signal.addEventListener("abort", () => reject(context.signal.reason)),
        );
      },
    });
    const { watch } = await import("./health-client.ts");
    const watching = watch(server.address, "");
    expect((await watching.next()).value).toBe("SERVING");
    const stream = createClient(RouterService, transport).generate({})[Symbol.asyncIterator]();
    await stream.next();
    const waiting = expect(stream.next()).rejects.toMatchObject({ kind: "node_lost" });
    await server.shutdown(50);
    await waiting;
    await watching.return(undefined);
  });

  test("says which address is taken and how to choose another", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => new Promise((resolve) => other.close(resolve)));
    const { port } = other.address() as { port: number };
    await expect(startGrpcServer({ listen: `127.0.0.1:${port}`, services: [], log })).rejects.toThrow(
      new RegExp(`127\\.0\\.0\\.1:${port} is already in use.*--listen`),
    );
  });

  test("is named as lost when it cannot be reached", async () => {
    const { transport, server } = await overGrpc({ listModels: () => ({}) });
    await server.shutdown(0);
    await expect(createClient(RouterService, transport).listModels({})).rejects.toMatchObject({
      kind: "node_lost",
    });
  });

  test("finds its server by name, again and again", async () => {
    const { server } = await overGrpc({ listModels: () => ({}) });
    const address = server.address.replace("127.0.0.1", "localhost");
    for (const _ of ["first", "second"]) {
      const transport = createGrpcTransport({ address });
      cleanups.push(() => transport.close());
      expect(await createClient(RouterService, transport).listModels({})).toMatchObject({ models: [] });
    }
  });

  test("gives a connection up that does not come about, and makes a fresh one for the next call", async () => {
    // Takes connections and never says a word, as a link does that swallows everything.
    const held = new Set<Socket>();
    const silent = createServer((socket) => held.add(socket.on("error", () => {})));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as { port: number };
    const transport = createGrpcTransport({ address: `127.0.0.1:${port}`, connectLimitMs: 100 });
    cleanups.push(() => transport.close());
    const client = createClient(RouterService, transport);
    const unary = client.listModels({});
    const stream = client
      .attach(new Channel({ capacity: 1 }))
      [Symbol.asyncIterator]()
      .next();
    for (const call of [unary, stream])
      await expect(call).rejects.toMatchObject({ kind: "node_lost", message: /cannot be reached/ });

    // The server that comes next would never be found by a connection that still waits for the first one.
    await new Promise((resolve) => {
      silent.close(resolve);
      for (const socket of held) socket.resetAndDestroy();
    });
    const services = [register(RouterService, { listModels: () => ({}) } as never)];
    const server = await startGrpcServer({ listen: `127.0.0.1:${port}`, services, log });
    cleanups.push(() => server.shutdown(0));
    const answered = async () => {
      for (;;)
        try {
          return await client.listModels({});
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
    };
    expect(await answered()).toMatchObject({ models: [] });
  });

  test("keeps Connect's own errors readable", async () => {
    const { transport } = await overGrpc({
      listModels: () => {
        throw new ConnectError("no such thing", Code.NotFound);
      },
    });
    await expect(createClient(RouterService, transport).listModels({})).rejects.toMatchObject({
      kind: "model_not_found",
    });
  });
});
