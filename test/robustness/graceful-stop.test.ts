import { afterAll, beforeAll, expect, test } from "vitest";
import { Clients } from "../support/clients.ts";
import { type Mesh, startMesh, untilReady } from "../support/mesh.ts";

/** Rounds of restarts; one for CI, more by hand: `ROUNDS=5 npm test -- test/robustness/graceful-stop`. */
const rounds = Number(process.env.ROUNDS ?? 1);
const clientCount = 24;

/** A hundred tokens a second, so that answers of all ages are open at any time. */
const engine = ["--engine", "synthetic", "--tokens-per-second", "100", "--first-token-ms", "5"];

let mesh: Mesh;
beforeAll(async () => {
  mesh = await startMesh("in many processes", { engine });
});
afterAll(() => mesh?.stop());

/** How often a process has logged a message. */
const count = (name: string, msg: string, nodeId?: string): number =>
  mesh.programs
    .get(name)!
    .entries()
    .filter((line) => line.msg === msg && (nodeId === undefined || line.node_id === nodeId)).length;

const routers = ["router-1", "router-2"];

/** Restarts a process and waits until all others work with it again. */
async function roll(name: string): Promise<void> {
  const connected = () => routers.map((router) => count(router, "node connected", name));
  const before = connected();
  const links = count("translator", "connected to router");
  const registered = ["dialled", "attached"].map((node) => count(node, "registered"));
  expect(await mesh.restart(name)).toEqual({ code: 0, signal: null });
  if (name === "translator") await untilReady(mesh.url, mesh.programs);
  else if (name === "registry")
    await expect
      .poll(() => ["dialled", "attached"].every((node, at) => count(node, "registered") > registered[at]!))
      .toBe(true);
  else if (routers.includes(name)) {
    await mesh.programs
      .get(name)!
      .logged(({ msg, node_id }) => msg === "node connected" && node_id === "attached");
    await mesh.programs
      .get(name)!
      .logged(({ msg, node_id }) => msg === "node connected" && node_id === "dialled");
    await expect.poll(() => count("translator", "connected to router")).toBeGreaterThan(links);
  } else await expect.poll(() => connected().every((now, at) => now > before[at]!)).toBe(true);
}

test(
  "a mesh fails no request while its processes are restarted one after the other",
  async () => {
    const clients = new Clients(mesh, { count: clientCount, leastTokens: 30 });
    for (let round = 0; round < rounds; round++)
      for (const name of ["router-1", "dialled", "router-2", "attached", "registry", "translator"])
        await roll(name);
    await clients.stop();
    expect(clients.failures).toEqual([]);
    expect(clients.answers).toBeGreaterThan(clientCount * rounds);
  },
  300_000 * rounds,
);

/** A stream of each surface, with what its last event is when it has to break off. */
const surfaces = [
  { path: "/v1/chat/completions", body: {}, error: { error: { type: "server_error" } } },
  {
    path: "/v1/completions",
    body: { messages: undefined, prompt: "Go on." },
    error: { error: { type: "server_error" } },
  },
  {
    path: "/v1/responses",
    body: { messages: undefined, input: "Go on." },
    error: { type: "response.failed" },
  },
  { path: "/v1/messages", body: {}, error: { type: "error", error: { type: "overloaded_error" } } },
];

test.each([
  { how: "a second SIGTERM", args: [], code: 143 },
  { how: "the end of its grace", args: ["--grace", "0.5"], code: 0 },
])("the streams of a translator end with an error in their own words at $how", async ({ args, code }) => {
  const one = await startMesh("in one process", {
    engine: ["--engine", "synthetic", "--tokens-per-second", "20"],
    surface: args,
  });
  try {
    const ask = (path: string, body: object, stream: boolean) =>
      fetch(one.url + path, {
        method: "POST",
        headers: one.headers,
        body: JSON.stringify({
          model: one.model,
          messages: [{ role: "user", content: "Go on." }],
          [path === "/v1/responses" ? "max_output_tokens" : "max_tokens"]: 4000,
          stream,
          ...body,
        }),
      });
    const whole = ask("/v1/chat/completions", {}, false);
    const streams = await Promise.all(surfaces.map(({ path, body }) => ask(path, body, true)));
    const texts = streams.map((response) => response.text());
    const up = one.programs.get("up")!;
    up.child.kill("SIGTERM");
    await up.logged(({ msg }) => msg.startsWith("SIGTERM: stopping"));
    if (code === 143) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      up.child.kill("SIGTERM");
    }
    const last = (await Promise.all(texts)).map((text) => JSON.parse(text.trimEnd().split("data: ").at(-1)!));
    expect(last).toMatchObject(surfaces.map(({ error }) => error));
    expect((await whole).status).toBe(503);
    expect(await up.ended).toEqual({ code, signal: null });
  } finally {
    await one.stop();
  }
});
