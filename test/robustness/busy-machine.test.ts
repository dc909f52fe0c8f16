import { spawn } from "node:child_process";
import { describe, expect, test } from "vitest";
import { Clients } from "../support/clients.ts";
import { limitCpu } from "../support/cpu-limit.ts";
import { type Mesh, startMesh } from "../support/mesh.ts";
import { endWithTests } from "../support/program.ts";
import { openStream } from "../support/streams.ts";

// Processes that do not get to run are not dead. SIGSTOP and SIGCONT stand in for a machine that is overcommitted many
// times over, because they take from a process exactly what such a machine takes, at times that a test chooses.

const streams = 50;
const engine = [
  "--engine",
  "synthetic",
  "--tokens-per-second",
  "25",
  "--first-token-ms",
  "20",
  "--slots",
  "100",
];

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Stops processes for a time, all of them together. */
async function freeze(mesh: Mesh, names: readonly string[], ms: number): Promise<void> {
  const children = names.map((name) => mesh.programs.get(name)!.child);
  for (const child of children) child.kill("SIGSTOP");
  await pause(ms);
  for (const child of children) child.kill("SIGCONT");
}

describe.each(["dialled", "attached"] as const)("a mesh of one router and one node that is %s", (node) => {
  test("finishes all streams, whichever process is kept from running for seconds", async () => {
    const mesh = await startMesh("in many processes", { engine, routers: 1, nodes: [node] });
    try {
      for (const names of [["router-1"], [node], ["router-1", node], ["translator", node]]) {
        const open = Array.from({ length: streams }, (_, index) =>
          openStream(mesh, { messages: [{ role: "user", content: `${index}` }], max_tokens: 60 }),
        );
        await Promise.all(open.map(({ shown }) => shown));
        await freeze(mesh, names, 4000);
        const received = await Promise.all(open.map(({ whole }) => whole));
        expect(
          received.filter(({ error, usage }) => error !== undefined || usage?.completion !== 60),
        ).toEqual([]);
      }
    } finally {
      await mesh.stop();
    }
  });
});

test("a mesh of two routers and two nodes finishes all streams while each of them runs only now and then", async () => {
  const mesh = await startMesh("in many processes", { engine });
  try {
    const clients = new Clients(mesh, { count: streams, leastTokens: 30 });
    const parts = ["router-1", "dialled", "router-2", "attached"];
    await Promise.all(
      parts.map(async (name, index) => {
        await pause(500 * index);
        for (let round = 0; round < 3; round++) {
          await freeze(mesh, [name], 2000 + 500 * index);
          await pause(1000);
        }
      }),
    );
    await clients.stop();
    expect(clients.failures).toEqual([]);
    expect(clients.answers).toBeGreaterThan(streams);
  } finally {
    await mesh.stop();
  }
});

test("a mesh finishes all streams with a fifth of a core for each process", async (context) => {
  const mesh = await startMesh("in many processes", { engine });
  const limits = [...mesh.programs.values()].map((program) => ({ program, limit: limitCpu(0.2) }));
  try {
    if (limits.some(({ limit }) => limit === undefined))
      return context.skip("This system does not let this user limit processor time by control groups.");
    for (const { program, limit } of limits) limit?.add(program.child.pid!);
    const clients = new Clients(mesh, { count: streams, leastTokens: 20 });
    await pause(15_000);
    await clients.stop();
    expect(clients.failures).toEqual([]);
    expect(clients.answers).toBeGreaterThan(streams);
  } finally {
    await mesh.stop();
    for (const { limit } of limits) limit?.remove();
  }
});

/** By hand, such as `BUSY_LOOPS=30 npm test -- test/robustness/busy-machine`: processes that want a core each. */
const busyLoops = Number(process.env.BUSY_LOOPS ?? 0);

test.skipIf(busyLoops === 0)(`a mesh finishes all streams beside ${busyLoops} busy loops`, async () => {
  const mesh = await startMesh("in many processes", { engine });
  const loops = Array.from({ length: busyLoops }, () => {
    const loop = spawn(process.execPath, [
      "-e",
      "for (const end = Date.now() + 120_000; Date.now() < end; );",
    ]);
    endWithTests(loop);
    return loop;
  });
  try {
    const clients = new Clients(mesh, { count: streams, leastTokens: 50 });
    await pause(45_000);
    await clients.stop();
    expect(clients.failures).toEqual([]);
  } finally {
    for (const loop of loops) loop.kill("SIGKILL");
    await mesh.stop();
  }
});
