import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freeAddress } from "../support/mesh.ts";
import { cxmpute, type Program } from "../support/program.ts";

let data: string;
let programs: Program[];
beforeEach(async () => {
  programs = [];
  data = await mkdtemp(join(tmpdir(), "cxmpute-ops-"));
});
afterEach(async () => {
  await Promise.all(programs.map((program) => program.stop("SIGKILL")));
  await rm(data, { recursive: true });
});

const key = "sk-cx-ops-0123456789abcdef";
const synthetic = ["--engine", "synthetic", "--tokens-per-second", "5"];

function start(...args: string[]): Program {
  const program = cxmpute([...args, "--data", join(data, String(programs.length))], { CXMPUTE_API_KEY: key });
  programs.push(program);
  return program;
}

/** Where a program listens for its operators. */
async function opsOf(program: Program): Promise<string> {
  const { address } = await program.logged(({ msg }) => msg.startsWith("operations listener"));
  return `http://${address}`;
}

async function probe(url: string): Promise<{ status: number; reason?: string }> {
  const response = await fetch(url);
  const { reason } = (await response.json()) as { reason?: string };
  return { status: response.status, ...(reason === undefined ? {} : { reason }) };
}

/** Asks until the answer is 200. */
const untilReady = (ops: string) => expect.poll(() => probe(`${ops}/readyz`)).toEqual({ status: 200 });

test("each service that runs apart says when it is ready, in its own terms", async () => {
  const [registryAt, routerAt, http] = [await freeAddress(), await freeAddress(), await freeAddress()];
  const router = await opsOf(start("router", "--listen", routerAt, "--registry", registryAt));
  const translator = await opsOf(start("translator", "--listen", http, "--router", routerAt));
  await expect
    .poll(() => probe(`${router}/readyz`))
    .toEqual({ status: 503, reason: "The registry has not answered yet." });

  const node = await opsOf(start("join", "--registry", registryAt, "--router", routerAt, ...synthetic));
  await expect
    .poll(() => probe(`${node}/readyz`))
    .toEqual({ status: 503, reason: "The node is not registered yet." });

  const registry = await opsOf(start("registry", "--listen", registryAt));
  await Promise.all([registry, router, node].map(untilReady));
  await untilReady(translator);
  for (const ops of [registry, router, translator, node]) {
    expect(await probe(`${ops}/healthz`)).toEqual({ status: 200 });
    expect((await fetch(`${ops}/v1/models`)).status).toBe(404);
  }
  expect(new Set([registry, router, translator, node]).size).toBe(4);
});

describe("the operations listener", () => {
  let other: Server;
  let taken: string;
  beforeEach(async () => {
    other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    taken = `127.0.0.1:${(other.address() as AddressInfo).port}`;
  });
  afterEach(() => void other.close());

  test("of a second service on the same machine takes another port", async () => {
    const first = await opsOf(start("registry", "--listen", "127.0.0.1:0"));
    const second = await opsOf(start("registry", "--listen", "127.0.0.1:0"));
    expect(first).not.toBe(second);
    await Promise.all([first, second].map(untilReady));
  });

  test("must be had where it was asked for", async () => {
    const program = start("router", "--listen", "127.0.0.1:0", "--ops-listen", taken);
    expect((await program.ended).code).toBe(1);
    expect(program.stderr()).toContain(
      `${taken} is already in use: another program listens there. Stop it, or choose another address with --ops-listen HOST:PORT.`,
    );
  });

  test.each([
    ["a service that is told so", ["registry", "--listen", "127.0.0.1:0", "--ops-listen", "off"]],
    ["up, unless it is asked for", ["up", "--listen", "127.0.0.1:0", ...synthetic]],
  ])("does not exist in %s", async (_, args) => {
    const program = start(...args);
    await program.output(/listening on|Ctrl-C stops the mesh/);
    await program.stop();
    expect(program.entries().filter(({ msg }) => msg.startsWith("operations listener"))).toEqual([]);
  });

  test("says that its service drains, to the end, and lives until then", async () => {
    const up = start("up", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", ...synthetic);
    const ops = await opsOf(up);
    await up.output(/Ctrl-C stops the mesh/);
    await untilReady(ops);
    const [, baseUrl] = /Base URL {2}(\S+)/.exec(up.stdout())!;
    const answer = await fetch(`${baseUrl}/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({
        model: "synthetic",
        stream: true,
        messages: [{ role: "user", content: "Go on." }],
      }),
    });
    up.child.kill("SIGTERM");
    await up.logged(({ msg }) => msg.startsWith("SIGTERM: stopping"));
    expect(await probe(`${ops}/readyz`)).toEqual({ status: 503, reason: "The service is shutting down." });
    expect(await probe(`${ops}/healthz`)).toEqual({ status: 200 });
    await answer.body?.cancel();
    expect(await up.ended).toEqual({ code: 0, signal: null });
    await expect(fetch(`${ops}/healthz`)).rejects.toThrow();
  });
});
