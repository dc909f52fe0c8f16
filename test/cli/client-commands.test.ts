import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Mesh, startMesh } from "../support/mesh.ts";
import { cxmpute, root } from "../support/program.ts";

let mesh: Mesh;
beforeAll(async () => {
  const engine = ["--engine", "synthetic", "--answer-tokens", "5", "--slots", "3"];
  mesh = await startMesh("in many processes", { engine });
});
afterAll(() => mesh.stop());

const environment = () => ({
  CXMPUTE_API_KEY: mesh.apiKey,
  CXMPUTE_USER_ID: mesh.userId,
  CXMPUTE_BASE_URL: `${mesh.url}/v1`,
});

/** Runs a command to its end; it must succeed. */
async function output(...args: string[]): Promise<string> {
  const program = cxmpute(args, environment());
  expect(await program.ended, program.stderr()).toEqual({ code: 0, signal: null });
  return program.stdout();
}

/** Has an answer generated, as any client might. */
async function generate(content: string): Promise<void> {
  const response = await fetch(`${mesh.url}/v1/chat/completions`, {
    method: "POST",
    headers: mesh.headers,
    body: JSON.stringify({ model: mesh.model, messages: [{ role: "user", content }] }),
  });
  expect([response.status, await response.text()]).toEqual([200, expect.stringContaining("choices")]);
}

describe("cxmpute chat", () => {
  test("answers a message once", async () => {
    expect((await output("chat", "Hello.")).split(" ").length).toBeGreaterThanOrEqual(5);
  });

  test("answers what is piped in, as it answers a message", async () => {
    const child = spawn(process.execPath, ["services/main.ts", "chat"], {
      cwd: root,
      env: { PATH: process.env.PATH, ...environment() },
      stdio: ["pipe", "pipe", "pipe"],
    });
    child.stdin.end("Hello.\n");
    const [said, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
    expect(code).toBe(0);
    expect(said.trim()).toBe(await output("chat", "Hello."));
  });

  test("says what is wrong with a key", async () => {
    const program = cxmpute(["chat", "Hello."], { ...environment(), CXMPUTE_API_KEY: "sk-cx-wrong" });
    expect(await program.ended).toEqual({ code: 1, signal: null });
    expect(program.stderr()).toMatch(/Give another key with CXMPUTE_API_KEY or --api-key KEY\.$/);
  });

  test("says that a model is not known", async () => {
    const program = cxmpute(["chat", "--model", "wibble", "Hello."], environment());
    expect(await program.ended).toEqual({ code: 1, signal: null });
    expect(program.stderr()).toContain("The model `wibble` does not exist");
  });

  test("has nothing to say to silence", async () => {
    const program = cxmpute(["chat"], environment());
    expect(await program.ended).toEqual({ code: 2, signal: null });
    expect(program.stderr()).toContain("no message: give one");
  });
});

test("cxmpute models lists what can be asked, from the endpoint and from a router", async () => {
  const table = /^MODEL +NODES +SLOTS +CONTEXT +TOKENS\/S +SINCE\nsynthetic +2 +6 +131072 +([-.\d]+) +\d{4}-/;
  expect(await output("models")).toMatch(table);
  expect(await output("models", "--router", mesh.routers[0]!)).toMatch(table);
  const serving = { nodes: 2, slots: 6, context_length: 131_072 };
  expect(JSON.parse(await output("models", "--json"))).toMatchObject([{ id: "synthetic", ...serving }]);
  const fromRouter = await output("models", "--json", "--router", mesh.routers[0]!);
  expect(JSON.parse(fromRouter)).toMatchObject([{ name: "synthetic", ...serving }]);
});

test("cxmpute models tells how fast an answer comes, once there was one", async () => {
  // Spread over both routers, so that each has measured.
  for (let count = 0; count < 6; count++) await generate(`Hello ${count}.`);
  const [row] = JSON.parse(await output("models", "--json")) as { tokens_per_second: number | null }[];
  expect(row!.tokens_per_second).toBeGreaterThan(0);
  expect((await output("models")).split("\n")[1]).toMatch(/^synthetic +2 +6 +131072 +[\d.]+ +\d{4}-/);
});

test("cxmpute nodes lists who is registered, and with a router how busy they are", async () => {
  const table = await output("nodes", "--registry", mesh.registry);
  expect(table).toMatch(/^NODE +ADDRESS +MODEL +ENGINE +SLOTS +CONTEXT +STATE\n/);
  expect(table).toMatch(/^attached +attached +synthetic +synthetic +3 +\d+ +ready$/m);
  const rows = JSON.parse(
    await output("nodes", "--json", "--registry", mesh.registry, "--router", mesh.routers[0]!),
  );
  expect(rows).toMatchObject([
    { node: "attached", address: "attached", slots: 3, running: 0, waiting: 0, state: "ready" },
    { node: "dialled", address: expect.stringMatching(/^127\.0\.0\.1:/), running: 0, state: "ready" },
  ]);
});

test("cxmpute nodes --wide shows what each model can do there, how fast it is, and on what", async () => {
  await generate("Hello.");
  const [headings, ...rows] = (await output("nodes", "--wide", "--registry", mesh.registry)).split("\n");
  expect(headings).toMatch(/ ENGINE NAME .* TOKENS\/S +STATE +CAPABILITIES +VERSION +HARDWARE$/);
  expect(rows[0]).toMatch(/ ready +seed, raw_prompt, resume from tokens +\S+ +linux x64, \d+ /);
  const [row] = JSON.parse(await output("nodes", "--json", "--registry", mesh.registry));
  expect(row).toMatchObject({
    engine_name: "synthetic",
    capabilities: { seed: true, resume: "tokens", vision: false },
    hardware: { cores: availableParallelism(), memory_bytes: expect.any(Number), gpus: expect.any(Array) },
  });
});

test("cxmpute explain tells where a request would go, and why not", async () => {
  const router = ["--router", mesh.routers[0]!];
  const table = await output("explain", "synthetic", ...router);
  expect(table).toMatch(/^CHOICE +NODE +SCORE .* WHY NOT +CAPABILITIES\n1 +\w+ .*\n2 +\w+ .*$/);
  const needy = await output("explain", "synthetic", "--need", "vision", "--need", "tools", ...router);
  expect(needy).toContain("It cannot call tools and read images.");
  expect(needy).toMatch(/\nNo node can take such a generation for synthetic now\.$/);
  const rows = JSON.parse(await output("explain", "wibble", "--json", ...router));
  expect(rows).toMatchObject([
    { choice: null, rejected_by: "model", capabilities: null },
    { choice: null, rejected_by: "model", reason: "It does not serve this model." },
  ]);
});

test("cxmpute api-key creates a key with its hash, for a user who can be named in a setting", async () => {
  const { user, key, sha256 } = JSON.parse(await output("api-key", "alice", "--json"));
  const hash = createHash("sha256").update(key).digest("hex");
  expect([user, sha256]).toEqual(["alice", `sha256:${hash}`]);
  expect(await output("api-key", "alice")).toMatch(
    /^Key +sk-cx-[\w-]{32}\nSetting +--api-key alice=sha256:[0-9a-f]{64}\n/,
  );
  expect(await output("api-key")).toMatch(/^Setting +--api-key sha256:/m);
  for (const args of [["a=b"], ["a,b"], ["a b"], ["alice", "bob"]]) {
    const program = cxmpute(["api-key", ...args]);
    expect(await program.ended).toMatchObject({ code: 2 });
    expect(program.stdout()).toBe("");
  }
});
