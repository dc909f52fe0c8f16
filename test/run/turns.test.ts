import { expect, test } from "vitest";
import { run } from "../support/program.ts";

/** Keeps its event loop for half a second, once told to by a signal; before that it is ready. */
const program = (work: string) => `
  const alive = setInterval(() => {}, 1000);
  process.once("SIGUSR2", () => { ${work}; console.log("done"); });
  console.log("ready");
`;
const computes =
  "const from = process.threadCpuUsage(); while (process.threadCpuUsage(from).user < 500_000);";
const sleeps = "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);";

test.each([
  { name: "a turn that computes keeps the event loop", work: computes, kept: true },
  { name: "a turn that is not run, as on a busy machine, does not", work: sleeps, kept: false },
])("$name", async ({ work, kept }) => {
  const child = run(["--eval", program(work)], {}, undefined, { recordTurns: true });
  await child.output(/ready/);
  await child.takeTurns();
  child.child.kill("SIGUSR2");
  await child.output(/done/);
  const { cpuMs, wallMs } = await child.takeTurns();
  expect(wallMs.max).toBeGreaterThan(400);
  if (kept) expect(Math.min(cpuMs.max, cpuMs.p99)).toBeGreaterThan(400);
  else expect(cpuMs.max).toBeLessThan(250);
  const next = await child.takeTurns();
  expect(next.cpuMs.max, "each call starts again").toBeLessThan(250);
  await child.stop("SIGKILL");
});

test("a program that was not asked to record its turns has none to report", async () => {
  const child = run(["--eval", "setInterval(() => {}, 1000)"]);
  await expect(child.takeTurns()).rejects.toThrow("was not asked to record them");
  await child.stop("SIGKILL");
});
