import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { totalsFile } from "../../services/commands/join/totals.ts";
import { freeAddress, type Mesh, startMesh } from "../support/mesh.ts";
import { root } from "../support/program.ts";

// A real terminal, by `script` of util-linux; where there is none, there is nothing to try this on.

/** A program in a terminal of 100 columns. */
class TerminalSession {
  readonly child: ChildProcess;
  #said = "";
  readonly #listeners = new Set<() => void>();

  constructor(args: readonly string[], environment: Readonly<Record<string, string>>) {
    const command = [process.execPath, "services/main.ts", ...args].join(" ");
    this.child = spawn("script", ["-qec", `stty cols 100 rows 40; exec ${command}`, "/dev/null"], {
      cwd: root,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, TERM: "dumb", ...environment },
      stdio: ["pipe", "pipe", "ignore"],
    });
    this.child.stdout!.on("data", (bytes: Buffer) => {
      this.#said += bytes.toString();
      for (const listener of this.#listeners) listener();
    });
  }

  /** Everything that was shown so far, with what moves the cursor. */
  get said(): string {
    return this.#said;
  }

  /** Resolves once something was shown. */
  shown(pattern: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!pattern.test(this.#said)) return;
        this.#listeners.delete(look);
        resolve();
      };
      this.#listeners.add(look);
      this.child.once("close", () =>
        reject(new Error(`It ended without showing ${pattern}:\n${this.#said}`)),
      );
      look();
    });
  }

  type(text: string): void {
    this.child.stdin!.write(text);
  }
}

const hasScript = await once(spawn("script", ["--version"], { stdio: "ignore" }), "close").then(
  ([code]) => code === 0,
  () => false,
);

describe.skipIf(!hasScript)("in a terminal", () => {
  let mesh: Mesh;
  let folder: string;
  const sessions: TerminalSession[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "cxmpute-terminal-"));
    mesh = await startMesh("in many processes", {
      engine: ["--engine", "synthetic", "--model", "other"],
      model: "other",
      nodes: ["attached"],
    });
  });
  afterEach(() => {
    for (const { child } of sessions.splice(0)) child.kill("SIGKILL");
  });
  afterAll(async () => {
    await mesh?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  function open(args: readonly string[], registry = mesh.registry): TerminalSession {
    const routers = mesh.routers.flatMap((router) => ["--router", router]);
    const session = new TerminalSession(
      ["join", "--registry", registry, ...routers, "--data", folder, ...args],
      { OLLAMA_HOST: "127.0.0.1:1" },
    );
    sessions.push(session);
    return session;
  }

  test("a line tells what the node does, and Ctrl-C ends it in order", async () => {
    const session = open(["--engine", "synthetic", "--node-id", "shown", "--tokens-per-second", "0"]);
    await session.shown(/1 model · 0 active · 0\.0 tokens\/s · earned 0 tokens in 0 answers/);
    expect(session.said).toContain("offers:");
    for (const router of ["router-1", "router-2"])
      await mesh.programs
        .get(router)!
        .logged((line) => line.msg === "node connected" && line.node_id === "shown");
    const body = JSON.stringify({
      model: "synthetic",
      max_tokens: 20,
      messages: [{ role: "user", content: "Hi" }],
    });
    // The translator looks for models once a second.
    let status = 0;
    while (status !== 200)
      status = (
        await fetch(`${mesh.url}/v1/chat/completions`, { method: "POST", headers: mesh.headers, body })
      ).status;
    await session.shown(/earned \d+ tokens in 1 answer/);
    session.type("\u0003");
    const [code] = await once(session.child, "close");
    expect(code).toBe(0);
    // The line is gone; what was earned is kept.
    expect(session.said.trimEnd().endsWith("\u001b[J")).toBe(true);
    expect(JSON.parse(await readFile(totalsFile(folder), "utf8"))).toMatchObject({ answers: 1 });
  });

  test("the starter model is offered only when somebody agrees", async () => {
    const asking = open(["--engine", "llama-cpp", "--models", folder]);
    await asking.shown(/Offer the starter model.*\[Y\/n\]/s);
    asking.type("n\r");
    const [code] = await once(asking.child, "close");
    expect(code).toBe(1);
    expect(asking.said).toContain("nothing is offered. To offer a model,");
  });

  test("a mesh that is away is told at once", async () => {
    const nowhere = await freeAddress();
    const session = open(["--engine", "synthetic"], nowhere);
    await session.shown(new RegExp(`cannot reach the registry at ${nowhere}; retrying until it answers`));
  });
});
