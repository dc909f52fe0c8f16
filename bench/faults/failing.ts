import { startMesh } from "../../test/support/mesh.ts";
import { ask } from "./ask.ts";
import type { Section } from "./section.ts";

/** How soon a node that fails now and then, or is slow, has to be ejected, in milliseconds. */
const limitMs = 10_000;
const clients = 24;
const troubles = {
  "fails 30 % of its requests": { kind: "fail", afterTokens: 2, rate: 0.3 },
  "is 20 times as slow": { kind: "slow", factor: 20 },
};

/** One of four nodes is bad: how long until the router ejects it, and what callers see of it. */
export async function failingNodes(): Promise<Section> {
  const measured = [];
  for (const [name, fault] of Object.entries(troubles)) measured.push({ name, ...(await ejectBad(fault)) });
  return {
    title: `One of four nodes is bad, under ${clients} clients`,
    rows: [
      ["", ...measured.map(({ name }) => name)],
      ["until it is ejected, ms", ...measured.map(({ ms }) => ms.toFixed(0))],
      ["requests until then", ...measured.map(({ requests }) => String(requests))],
      ["requests that failed", ...measured.map(({ failed }) => String(failed))],
    ],
    targets: measured.map(({ name, ms, failed }) => ({
      holds: ms <= limitMs && failed === 0,
      says: `${name}: ejected <= ${limitMs} ms, no request fails: ${ms.toFixed(0)} ms, ${failed}`,
    })),
  };
}

async function ejectBad(fault: object): Promise<{ ms: number; requests: number; failed: number }> {
  const engine = (faults: readonly object[]) => [
    ...["--engine", "synthetic", "--tokens-per-second", "200", "--first-token-ms", "10", "--model", "other"],
    // As many slots as clients, so that every node is used.
    ...["--slots", String(clients / 4)],
    ...["--synthetic-models", JSON.stringify({ tried: { faults } })],
  ];
  const mesh = await startMesh("in many processes", { engine: engine([]), nodes: [], routers: 1 });
  try {
    await Promise.all(["n1", "n2", "n3"].map((name) => mesh.join(name)));
    await mesh.join("bad", engine([fault]));
    const ejected = mesh.programs.get("router-1")!.logged(({ msg }) => msg === "node ejected");
    let isOver = false;
    const over = Promise.race([ejected, new Promise((resolve) => setTimeout(resolve, 3 * limitMs))]).then(
      () => {
        isOver = true;
      },
    );
    const [begun, outcomes] = [performance.now(), [] as boolean[]];
    const client = async () => {
      while (!isOver) outcomes.push((await ask(mesh, { model: "tried", max_tokens: 20 })).status === 200);
    };
    const running = Array.from({ length: clients }, client);
    await over;
    const ms = performance.now() - begun;
    await Promise.all(running);
    return { ms, requests: outcomes.length, failed: outcomes.filter((isWhole) => !isWhole).length };
  } finally {
    await mesh.stop();
  }
}
