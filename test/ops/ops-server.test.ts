import { once } from "node:events";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { type OpsServer, type OpsServerOptions, startOpsServer } from "../../core/http/ops-server.ts";
import { FakeClock } from "../support/core/fake-clock.ts";

async function serve(options: Partial<OpsServerOptions> = {}): Promise<OpsServer> {
  const server = await startOpsServer({
    listen: "127.0.0.1:0",
    whyNotReady: () => undefined,
    clock: systemClock,
    ...options,
  });
  onTestFinished(() => server.close());
  return server;
}

const get = async ({ address }: OpsServer, path: string, init: RequestInit = {}) => {
  const response = await fetch(`http://${address}${path}`, init);
  return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
};
const json = "application/json; charset=utf-8";

async function open({ address }: OpsServer): Promise<Socket> {
  const [host, port] = address.split(":");
  const socket = connect(Number(port), host);
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  return socket;
}

describe("an operations server", () => {
  test("says that the process lives, and whose it is", async () => {
    expect(await get(await serve(), "/healthz")).toEqual({
      status: 200,
      type: json,
      text: '{"status":"ok","service":"cxmpute"}',
    });
  });

  test.each<[string, OpsServerOptions["whyNotReady"], number, object]>([
    ["ready", () => undefined, 200, { status: "ready" }],
    ["ready, after a look", async () => undefined, 200, { status: "ready" }],
    ["not ready", () => "No node yet.", 503, { status: "not ready", reason: "No node yet." }],
    [
      "at a loss",
      () => Promise.reject(new TypeError("a secret detail")),
      503,
      { status: "not ready", reason: expect.not.stringContaining("secret") },
    ],
  ])("of a service that is %s says so", async (_, whyNotReady, status, body) => {
    const answer = await get(await serve({ whyNotReady }), "/readyz?verbose=1");
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toEqual(body);
  });

  test("does not wait for a service that cannot find out", async () => {
    const clock = new FakeClock();
    const asked = Promise.withResolvers<void>();
    const server = await serve({
      clock,
      whyNotReady: () => {
        asked.resolve();
        return new Promise(() => {});
      },
    });
    const answer = get(server, "/readyz");
    await asked.promise;
    await clock.advance(2000);
    expect(await answer).toMatchObject({ status: 503, text: expect.stringContaining("within 2000 ms") });
    expect(clock.pending).toBe(0);
  });

  test.each([
    ["GET", "/"],
    ["GET", "/metrics/x"],
    ["GET", "/healthz/"],
    ["GET", "/constructor"],
    ["GET", "/__proto__"],
    ["POST", "/healthz"],
    ["DELETE", "/readyz"],
  ])("answers %s %s with 404, in JSON", async (method, path) => {
    const answer = await get(await serve(), path, { method });
    expect([answer.status, answer.type]).toEqual([404, json]);
    expect(JSON.parse(answer.text)).toEqual({ error: "not found", pages: ["/healthz", "/readyz"] });
  });

  test.each([
    ["/healthz", 200],
    ["/readyz", 503],
    ["/nothing", 404],
  ])("answers HEAD %s as GET, without a body", async (path, status) => {
    const server = await serve({ whyNotReady: () => "Not yet." });
    const { text } = await get(server, path);
    const [host, port] = server.address.split(":");
    const asked = request({ host, port, path, method: "HEAD" });
    asked.end();
    const [response] = await once(asked, "response");
    const body = await Array.fromAsync(response);
    expect([response.statusCode, response.headers["content-length"], body]).toEqual([
      status,
      String(text.length),
      [],
    ]);
  });

  test("answers a probe although others occupy all its connections: the oldest of them makes room", async () => {
    const server = await serve({ limits: { connections: 2 } });
    const [oldest] = [await open(server), await open(server)];
    const closed = once(oldest.resume(), "close");
    expect((await get(server, "/healthz")).status).toBe(200);
    await closed;
  });

  test.each([
    ["nothing", ""],
    ["half a head", "GET /healthz HTTP/1.1\r\nhost: x\r\n"],
    ["half a body", "POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc"],
  ])("cuts a client that sends %s and then no more", async (_, text) => {
    const server = await serve({ limits: { requestTimeoutMs: 50, readinessTimeoutMs: 50 } });
    const socket = await open(server);
    socket.resume();
    const closed = once(socket, "close");
    socket.write(text);
    await closed;
    expect((await get(server, "/healthz")).status).toBe(200);
  });

  test("closes although clients hold connections, and is gone then", async () => {
    const server = await serve();
    const idle = await open(server);
    const half = await open(server);
    idle.resume();
    half.resume();
    half.write("GET /healthz HT");
    await get(server, "/healthz");
    const closed = [once(idle, "close"), once(half, "close")];
    await Promise.all([server.close(), server.close()]);
    await Promise.all(closed);
    await expect(get(server, "/healthz")).rejects.toThrow();
  });

  test("cannot listen where another one does", async () => {
    const { address } = await serve();
    await expect(serve({ listen: address })).rejects.toMatchObject({ code: "EADDRINUSE" });
    await expect(serve({ listen: "nowhere" })).rejects.toThrow("nowhere: it is not HOST:PORT");
  });
});
