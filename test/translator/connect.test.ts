import { create } from "@bufbuild/protobuf";
import {
  type Client,
  Code,
  ConnectError,
  createClient,
  type Interceptor,
  type Transport,
} from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { MeshError } from "../../core/errors/mesh-error.ts";
import { loopMessage } from "../../core/hops.ts";
import { fromConnectError } from "../../core/rpc/status.ts";
import {
  ContinuationSchema,
  type GenerationEvent,
  GenerationEventSchema,
  GenerationSchema,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import {
  answering,
  answerOf,
  createScript,
  startedEvent,
  testKey,
  testUser,
  textEvent,
} from "../support/translator/translator.ts";
import { type ServedTranslator, serveTranslator } from "./support.ts";

const generation = create(GenerationSchema, { id: "theirs", model: "m", messages: [{}] });
const withKey =
  (key: string): Interceptor =>
  (next) =>
  (request) => {
    request.header.set("authorization", `Bearer ${key}`);
    return next(request);
  };
const textOf = (events: readonly (GenerationEvent | undefined)[]) =>
  events.map((event) => (event?.event.case === "delta" ? event.event.value.text : "")).join("");

const transports: { protocol: string; open: (baseUrl: string, interceptors: Interceptor[]) => Transport }[] =
  [
    {
      protocol: "Connect",
      open: (baseUrl, interceptors) => createConnectTransport({ baseUrl, httpVersion: "1.1", interceptors }),
    },
    {
      protocol: "Connect with JSON",
      open: (baseUrl, interceptors) =>
        createConnectTransport({ baseUrl, httpVersion: "1.1", interceptors, useBinaryFormat: false }),
    },
    {
      protocol: "gRPC-Web",
      open: (baseUrl, interceptors) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1", interceptors }),
    },
  ];

describe.each(transports)("a client of $protocol", ({ open }) => {
  const clientOf = ({ url }: ServedTranslator, key = testKey): Client<typeof RouterService> =>
    createClient(RouterService, open(url, [withKey(key)]));

  test("streams an answer, under our id and its own account", async () => {
    const script = createScript();
    const client = clientOf(await serveTranslator(script.generate));
    const answer = Array.fromAsync(client.generate({ generation }));
    const call = await script.next();
    expect(call.generation.id).toMatch(/^gen-/);
    expect(call.generation.caller).toMatchObject({
      userId: testUser,
      keyId: expect.stringMatching(/^key_/),
      requestId: expect.stringMatching(/^req_/),
    });
    call.push(...answerOf("Hel", "lo"));
    expect(textOf((await answer).map(({ event }) => event))).toBe("Hello");
  });

  test("that another mesh is says how often the request was handed on, and is refused when it goes round", async () => {
    const script = createScript();
    const { url } = await serveTranslator(script.generate);
    const ask = (hops: string) => {
      const handedOn: Interceptor = (next) => (request) => {
        request.header.set("x-cxmpute-hops", hops);
        return next(request);
      };
      const client = createClient(RouterService, open(url, [withKey(testKey), handedOn]));
      return Array.fromAsync(client.generate({ generation }));
    };
    const answer = ask("4");
    const call = await script.next();
    expect(call.generation.caller?.hops).toBe(4);
    call.push(...answerOf("ok"));
    await answer;
    const refused = await ask("5").catch((error: unknown) => error as ConnectError);
    expect(refused).toMatchObject({ code: Code.InvalidArgument, rawMessage: loopMessage });
  });

  test("asks for models, and as an operator for a route", async () => {
    const keys = [{ key: testKey, userId: testUser, role: "operator" as const }];
    const client = clientOf(await serveTranslator(answering([]), { keys }));
    expect((await client.listModels({})).models.map(({ name }) => name)).toEqual(["m"]);
    expect((await client.explainRoute({ generation })).verdicts[0]?.reason).toBe(testUser);
    expect(ConnectError.from(await client.explainRoute({}).catch((thrown) => thrown)).code).toBe(
      Code.InvalidArgument,
    );
  });

  test("sees which nodes answer only as an operator", async () => {
    const { event } = answerOf("x").at(-1)!;
    if (event.case !== "finished") throw new Error("The last event is the end.");
    const continuation = create(ContinuationSchema, {
      nodeId: "node-2",
      afterTokens: 1,
      exact: true,
      fingerprint: "f",
    });
    const end = create(GenerationEventSchema, {
      event: { case: "finished", value: { ...event.value, continuations: [continuation] } },
    });
    const nodesIn = async (role?: "operator") => {
      const keys = [{ key: testKey, userId: testUser, ...(role && { role }) }];
      const client = clientOf(
        await serveTranslator(answering([startedEvent(), textEvent("x"), end]), { keys }),
      );
      const events = (await Array.fromAsync(client.generate({ generation }))).map(({ event: one }) => one);
      expect(textOf(events)).toBe("x");
      return events.flatMap((one) => {
        if (one?.event.case === "started") return [one.event.value.nodeId];
        return one?.event.case === "finished"
          ? one.event.value.continuations.map(({ nodeId, afterTokens }) => `${nodeId} ${afterTokens}`)
          : [];
      });
    };
    expect(await nodesIn("operator")).toEqual([expect.stringMatching(/./), "node-2 1"]);
    expect(await nodesIn()).toEqual(["", " 1"]);
  });

  test("is refused without the right key", async () => {
    const client = clientOf(await serveTranslator(answering(answerOf("secret"))), "sk-wrong-0123456789");
    const code = async (call: Promise<unknown>) => ConnectError.from(await call.catch((error) => error)).code;
    expect(await code(client.listModels({}))).toBe(Code.Unauthenticated);
    expect(await code(Array.fromAsync(client.generate({ generation })))).toBe(Code.Unauthenticated);
  });

  test("hears of failures with all that is known of them", async () => {
    const failure = new MeshError("saturated", "All slots are busy.", { retryAfterMs: 1500 });
    const client = clientOf(await serveTranslator(answering([startedEvent(), textEvent("a")], failure)));
    const error = await Array.fromAsync(client.generate({ generation })).catch((thrown) => thrown);
    expect(fromConnectError(ConnectError.from(error))).toMatchObject({
      kind: "saturated",
      message: "All slots are busy.",
      retryAfterMs: 1500,
    });
    expect(ConnectError.from(await client.explainRoute({ generation }).catch((thrown) => thrown)).code).toBe(
      Code.PermissionDenied,
    );
  });

  test("frees everything when it leaves", async () => {
    const script = createScript();
    const client = clientOf(await serveTranslator(script.generate));
    const leave = new AbortController();
    const answer = Array.fromAsync(client.generate({ generation }, { signal: leave.signal }));
    answer.catch(() => {});
    const call = await script.next();
    call.push(startedEvent(), textEvent("a"));
    leave.abort();
    await call.aborted;
  });

  test("has no way into the mesh's own relays", async () => {
    const client = clientOf(await serveTranslator(answering([])));
    async function* nothing() {}
    for (const call of [() => client.relay(nothing()), () => client.attach(nothing())])
      await expect(Array.fromAsync<unknown>(call())).rejects.toBeInstanceOf(ConnectError);
  });
});

test("a browser's call has a request id and may be read by its page", async () => {
  const { url } = await serveTranslator(answering([]));
  const response = await fetch(`${url}/cxmpute.router.v1.RouterService/ListModels`, {
    method: "POST",
    headers: {
      origin: "https://example.com",
      authorization: `Bearer ${testKey}`,
      "content-type": "application/json",
      "x-request-id": "page-1",
    },
    body: "{}",
  });
  expect(await response.json()).toMatchObject({ models: [{ name: "m" }] });
  expect(response.headers.get("x-request-id")).toBe("page-1");
  expect(response.headers.get("access-control-allow-origin")).toBe("*");
});

test("a drain ends a call that is still open after the grace", async () => {
  const script = createScript();
  const translator = await serveTranslator(script.generate);
  const client = createClient(
    RouterService,
    createConnectTransport({ baseUrl: translator.url, httpVersion: "1.1", interceptors: [withKey(testKey)] }),
  );
  const answer = Array.fromAsync(client.generate({ generation }));
  answer.catch(() => {});
  const call = await script.next();
  call.push(startedEvent(), textEvent("a"));
  await translator.drain(0);
  await call.aborted;
  await expect(answer).rejects.toBeInstanceOf(ConnectError);
});
