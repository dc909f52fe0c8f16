import { readFileSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { MeshError } from "../../core/errors/mesh-error.ts";
import type { Generate } from "../../core/generate.ts";
import { reservedFields } from "../../core/generation/reserved-fields.ts";
import { certifyNew } from "../../core/identity/authority.ts";
import { type Credentials, LiveCredentials } from "../../core/identity/credentials.ts";
import type { Role } from "../../core/identity/identity.ts";
import { openRelay } from "../../core/relay/client.ts";
import { register } from "../../core/rpc/contract.ts";
import { startGrpcServer } from "../../core/rpc/grpc-server.ts";
import { createGrpcTransport } from "../../core/rpc/grpc-transport.ts";
import { silentLog } from "../../core/telemetry/log.ts";
import {
  FinishReason,
  type Generation,
  type GenerationEvent,
  GenerationEventSchema,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { EngineBound } from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { createRouter } from "../../services/router/index.ts";
import { createAuthorities, type TestAuthorities } from "../support/core/certificates.ts";
import { FakeNodes, FakeRegistry } from "../support/router/mesh.ts";
import { delta, finished, generationOf, nodeOf, settled, started } from "../support/router/router.ts";
import { testKey, testUser } from "../support/translator/translator.ts";
import { serveTranslator } from "../translator/support.ts";

// What only processes of the mesh may say of a generation, said by somebody else.

/** Each of these fields with a value that would have an effect, and how it looks to whoever reads it. */
const claims: Record<
  string,
  { init: Parameters<typeof generationOf>[0]; read: (seen: Generation) => unknown; unset: unknown }
> = {
  "resume.being_read": {
    init: {
      resume: {
        $typeName: "cxmpute.generation.v1.ResumePoint",
        text: "Once",
        tokenIds: [],
        fingerprint: "",
        beingRead: true,
      },
    },
    read: ({ resume }) => resume?.beingRead,
    unset: false,
  },
  "caller.hops": { init: { caller: { userId: "u", hops: 7 } }, read: ({ caller }) => caller?.hops, unset: 0 },
  // A node that serves by this mark would not be asked.
  "caller.via": {
    init: { caller: { userId: "u", via: ["mark"] } },
    read: ({ caller }) => caller?.via,
    unset: [],
  },
  "caller.fairness_id": {
    init: { caller: { userId: "u", fairnessId: "another's" } },
    read: ({ caller }) => caller?.fairnessId,
    unset: "",
  },
  "caller.cache_salt": {
    init: { caller: { userId: "u", cacheSalt: "another's" } },
    read: ({ caller }) => caller?.cacheSalt === "another's",
    unset: false,
  },
};
const everyClaim = Object.entries(claims);

test("the fields that are tried are those of the table, and those that the proto calls somebody's own", () => {
  const fields = reservedFields.map(({ field }) => field);
  expect(Object.keys(claims)).toEqual(fields);
  const proto = readFileSync(
    new URL("../../proto/cxmpute/generation/v1/generation.proto", import.meta.url),
    "utf8",
  );
  const documented = [
    ...proto.matchAll(/\/\/ Set by [\w ]+:(?:[^\n]*\n\s*\/\/)*[^\n]*\n\s*(?:repeated )?\w+ (\w+) =/g),
  ];
  expect(documented.map(([, name]) => name)).toEqual([
    ...["hops", "via", "fairness_id", "cache_salt", "being_read", "continued", "continuations"],
  ]);
});

describe("over Connect", () => {
  /** A translator, a transport of a caller with a key, and what it passes on to its routers. */
  async function setUp() {
    const seen: Generation[] = [];
    const translator = await serveTranslator(async function* (generation) {
      seen.push(generation);
      yield started();
      yield delta("ok");
      yield finished();
    });
    const transport = createConnectTransport({
      baseUrl: translator.url,
      httpVersion: "1.1",
      interceptors: [
        (next) => (request) => {
          request.header.set("authorization", `Bearer ${testKey}`);
          return next(request);
        },
      ],
    });
    return { seen, transport };
  }

  test.each(everyClaim)("%s has no effect, and the rest stands", async (_, { init, read, unset }) => {
    const { seen, transport } = await setUp();
    await Array.fromAsync(
      createClient(RouterService, transport).generate({ generation: generationOf(init) }),
    );
    expect(read(seen[0]!)).toEqual(unset);
    expect(seen[0]).toMatchObject({ model: "m", caller: { userId: testUser } });
    expect(seen[0]?.resume?.text).toBe(init?.resume?.text);
  });

  test("nobody takes the name or the account of another", async () => {
    const { seen, transport } = await setUp();
    const generation = generationOf({ id: "theirs", caller: { userId: "somebody", requestId: "theirs" } });
    await Array.fromAsync(createClient(RouterService, transport).generate({ generation }));
    expect(seen[0]?.id).toMatch(/^gen-/);
    expect(seen[0]?.caller).toMatchObject({ userId: testUser, requestId: expect.stringMatching(/^req_/) });
  });
});

const day = 86_400_000;
const term = { from: Date.now() - day, until: Date.now() + day };
let authorities: TestAuthorities;
beforeAll(async () => {
  authorities = await createAuthorities(term);
});

const credentialsOf = async (role: Exclude<Role, "node">): Promise<LiveCredentials> =>
  new LiveCredentials({
    ...(await certifyNew(authorities.root, { identity: { role }, term })),
    authorities: authorities.root.certificate,
  } satisfies Credentials);

/** A router on a port whose one node keeps what it is asked, and a client of it. */
async function serveRouter(role?: Exclude<Role, "node">) {
  const seen: Generation[] = [];
  const registry = new FakeRegistry();
  const nodes = new FakeNodes(systemClock);
  nodes.start("n:1", async function* (generation) {
    seen.push(generation);
    yield started();
    yield delta("ok");
    yield finished();
  });
  registry.put(nodeOf("n", { address: "n:1" }, { via: "other" }));
  const router = createRouter({
    registry: registry.transport,
    dial: nodes.dial,
    clock: systemClock,
    log: silentLog,
  });
  const server = await startGrpcServer({
    listen: "127.0.0.1:0",
    services: [register(RouterService, router.implementation)],
    credentials: role === undefined ? undefined : await credentialsOf("router"),
    log: silentLog,
  });
  const transport = createGrpcTransport({
    address: server.address,
    tls:
      role === undefined ? undefined : { credentials: await credentialsOf(role), expect: { role: "router" } },
  });
  onTestFinished(async () => {
    transport.close();
    router.close();
    await server.shutdown(0);
  });
  await settled();
  return { seen, client: createClient(RouterService, transport) };
}

type Client = Awaited<ReturnType<typeof serveRouter>>["client"];

const overGenerate = async (client: Client, generation: Generation): Promise<GenerationEvent[]> =>
  (await Array.fromAsync(client.generate({ generation }))).map(({ event }) => event!);

async function overRelay(client: Client, generation: Generation): Promise<GenerationEvent[]> {
  async function* toRequests(frames: AsyncIterable<EngineBound>) {
    for await (const frame of frames) yield { frame };
  }
  const relay = openRelay({
    clock: systemClock,
    exchange: async function* (frames, signal) {
      for await (const { frame } of client.relay(toRequests(frames), { signal }))
        if (frame !== undefined) yield frame;
    },
  });
  try {
    return await Array.fromAsync(relay.generate(generation, new AbortController().signal));
  } finally {
    relay.close(new MeshError("cancelled", "The test is over."));
  }
}

describe.each([
  { way: "Generate", from: "a client in plain text", role: undefined, ask: overGenerate },
  { way: "Generate", from: "a client with a certificate", role: "client", ask: overGenerate },
  { way: "Generate", from: "an admin", role: "admin", ask: overGenerate },
  { way: "Relay", from: "a client with a certificate", role: "client", ask: overRelay },
  { way: "Relay", from: "an admin", role: "admin", ask: overRelay },
] as const)("over gRPC's $way from $from", ({ role, ask }) => {
  test.each(everyClaim)("%s has no effect, and the rest stands", async (_, { init, read, unset }) => {
    const { seen, client } = await serveRouter(role);
    const events = await ask(client, generationOf(init));
    expect(events.at(-1)?.event.case).toBe("finished");
    expect(read(seen[0]!)).toEqual(unset);
    expect(seen[0]).toMatchObject({ id: "g", model: "m" });
    expect(seen[0]?.resume?.text).toBe(init?.resume?.text);
    expect(seen[0]?.caller?.userId).toBe(init?.caller?.userId);
  });
});

test("a translator says what other meshes have handed on, and which answers are being read", async () => {
  const { seen, client } = await serveRouter("translator");
  for (const { init } of Object.values(claims)) await overRelay(client, generationOf(init));
  const [continued, ...handedOn] = seen;
  expect(continued?.resume).toMatchObject({ text: "Once", beingRead: true });
  expect(
    handedOn.map(({ caller }) => [caller?.hops, caller?.via, caller?.fairnessId, caller?.cacheSalt]),
  ).toEqual([
    [7, [], "", ""],
    [0, ["mark"], "", ""],
    [0, [], "another's", ""],
    [0, [], "", "another's"],
  ]);
});

/** What a client of a router sees of a node that plays these events. */
async function throughRouter(play: Generate): Promise<GenerationEvent[]> {
  const registry = new FakeRegistry();
  const nodes = new FakeNodes(systemClock);
  nodes.start("n:1", play);
  registry.put(nodeOf("n", { address: "n:1" }));
  const router = createRouter({
    registry: registry.transport,
    dial: nodes.dial,
    clock: systemClock,
    log: silentLog,
  });
  onTestFinished(() => router.close());
  await settled();
  const server = await startGrpcServer({
    listen: "127.0.0.1:0",
    services: [register(RouterService, router.implementation)],
    credentials: undefined,
    log: silentLog,
  });
  const transport = createGrpcTransport({ address: server.address });
  onTestFinished(async () => {
    transport.close();
    await server.shutdown(0);
  });
  return overGenerate(createClient(RouterService, transport), generationOf());
}

test("a node does not say where routers have taken answers over", async () => {
  const continuations = [{ nodeId: "x", exact: true }];
  const events = await throughRouter(async function* () {
    yield started();
    yield delta("ok");
    yield create(GenerationEventSchema, {
      event: { case: "finished", value: { reason: FinishReason.STOP, usage: {}, continuations } },
    });
  });
  expect(events.at(-1)?.event).toMatchObject({ case: "finished", value: { continuations: [] } });
});

test("a node that claims in the middle of an answer to have taken it over has failed", async () => {
  const answer = throughRouter(async function* () {
    yield started();
    yield delta("ok");
    yield create(GenerationEventSchema, {
      event: { case: "continued", value: { nodeId: "x", exact: true } },
    });
    yield finished();
  });
  await expect(answer).rejects.toMatchObject({ message: expect.stringContaining("`continued`") });
});
