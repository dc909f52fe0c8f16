import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { run } from "../support/program.ts";

/** Starts a run of one of the files in `test/support/run/leaks`. */
const startRun = (file: string) =>
  run(
    [
      ...["node_modules/vitest/vitest.mjs", "run", "--disable-console-intercept", "--root", "."],
      ...["--config", "test/support/run/leaks/vitest.config.ts"],
    ],
    { LEAKS_FILE: file },
  );

/** Processes that the tests of such runs have started and that live. */
function leftBehind(): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("left-behind");
    } catch {
      return false;
    }
  });
}

test.skipIf(process.platform !== "linux")(
  "no process outlives a run, however its tests or itself come to their end",
  async () => {
    for (const { name, code, says } of [
      { name: "hook-out-of-time", code: 1, says: /Hook timed out/ },
      { name: "forgotten", code: 0, says: /1 passed/ },
      { name: "unknown-child", code: 1, says: /Tests have left processes running/ },
    ]) {
      const tests = startRun(name);
      expect(await tests.ended, name).toEqual({ code, signal: null });
      expect(tests.stdout() + tests.stderr()).toMatch(says);
      expect(leftBehind()).toEqual([]);
    }
    const tests = startRun("killed");
    await tests.output(/under way/);
    expect(leftBehind()).toHaveLength(1);
    await tests.stop("SIGKILL");
    await expect.poll(leftBehind).toEqual([]);
  },
);
