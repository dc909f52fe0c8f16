import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cxmpute } from "../support/program.ts";

let folder: string;
let occupant: Server;
let taken: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cxmpute-faults-"));
  occupant = createServer();
  await new Promise<void>((resolve) => occupant.listen(0, "127.0.0.1", resolve));
  taken = `127.0.0.1:${(occupant.address() as { port: number }).port}`;
});
afterAll(async () => {
  occupant.close();
  await rm(folder, { recursive: true });
});

/** Runs a command that cannot start; resolves to its one line once nothing of it runs any more. */
async function fault(...args: string[]): Promise<string> {
  const program = cxmpute(args, { CXMPUTE_LOG_LEVEL: "error", CXMPUTE_DATA: join(folder, "data") });
  expect(await program.ended).toEqual({ code: 1, signal: null });
  expect(program.stdout()).toBe("");
  expect(program.stderr().split("\n")).toHaveLength(1);
  return program.stderr();
}

const synthetic = ["--engine", "synthetic"];

describe("a port in use", () => {
  test.each([
    { command: "up", args: synthetic },
    { command: "translator", args: [] },
    { command: "router", args: [] },
    { command: "registry", args: [] },
    { command: "join", args: synthetic },
  ])("is told by $command with what to do", async ({ command, args }) => {
    expect(await fault(command, "--listen", taken, ...args)).toBe(
      `cxmpute ${command}: ${taken} is already in use: another program listens there. Stop it, or choose another address with --listen HOST:PORT.`,
    );
  });
});

describe("an address that is not this machine's", () => {
  test.each(["translator", "registry"])("is told by %s with what to do", async (command) => {
    const key = command === "translator" ? ["--api-key", "sk-cx-test"] : [];
    expect(await fault(command, "--listen", "192.0.2.1:50051", ...key)).toBe(
      `cxmpute ${command}: 192.0.2.1:50051 is not an address of this machine, so nothing can listen there. Choose one of its own, 127.0.0.1 or 0.0.0.0 with --listen HOST:PORT.`,
    );
  });
});

describe("a model", () => {
  test("that is missing is told with its path", async () => {
    const missing = join(folder, "missing.gguf");
    const said = await fault("up", "--listen", "127.0.0.1:0", "--model", missing);
    expect(said).toContain(missing);
    expect(said).toContain("Give the path of a GGUF file");
  });

  test("that is no GGUF file is told with its path", async () => {
    const corrupt = join(folder, "corrupt.gguf");
    await writeFile(corrupt, "This is no model.");
    const said = await fault("up", "--listen", "127.0.0.1:0", "--model", corrupt);
    expect(said).toContain(corrupt);
  });

  test("that is cut is told with its path", async () => {
    const cut = join(folder, "cut.gguf");
    const { readFile } = await import("node:fs/promises");
    await writeFile(cut, (await readFile("models/starter.gguf")).subarray(0, 1_000_000));
    const said = await fault("up", "--listen", "127.0.0.1:0", "--model", cut);
    expect(said).toContain(cut);
  });
});

describe("what cannot be reached", () => {
  test.each([
    {
      command: "models",
      args: ["--base-url", "http://127.0.0.1:9/v1"],
      says: "cannot reach http://127.0.0.1:9/v1",
    },
    {
      command: "chat",
      args: ["--base-url", "http://127.0.0.1:9/v1", "Hi."],
      says: "cannot reach http://127.0.0.1:9/v1",
    },
    { command: "models", args: ["--router", "127.0.0.1:9"], says: "cannot reach the router at 127.0.0.1:9" },
    {
      command: "nodes",
      args: ["--registry", "127.0.0.1:9"],
      says: "cannot reach the registry at 127.0.0.1:9",
    },
  ])("is told by $command", async ({ command, args, says }) => {
    // These log nothing, so they know no such settings.
    const program = cxmpute([command, ...args], { CXMPUTE_DATA: join(folder, "data") });
    expect(await program.ended).toEqual({ code: 1, signal: null });
    expect(program.stderr()).toContain(`cxmpute ${command}: ${says}`);
    expect(program.stderr().split("\n")).toHaveLength(1);
  });
});
