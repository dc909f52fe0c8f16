import { spawn } from "node:child_process";
import { once } from "node:events";
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
    expect(program.stderr()).toContain("there is nothing to say");
  });
});

test("cxmpute models lists what can be asked, from the endpoint and from a router", async () => {
  expect(await output("models")).toMatch(/^MODEL +SINCE\nsynthetic +\d{4}-/);
  expect(JSON.parse(await output("models", "--json"))).toMatchObject([{ id: "synthetic" }]);
  const fromRouter = await output("models", "--json", "--router", mesh.routers[0]!);
  expect(JSON.parse(fromRouter)).toMatchObject([{ name: "synthetic", nodes: 2, slots: 6 }]);
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
