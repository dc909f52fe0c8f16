import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compareProtos, lintProtos } from "./proto-steps.ts";
import { program, projectFolder, runProgram, runSteps, type Step } from "./steps.ts";

// Everything that has to hold before a commit, the quick things first; what CI does. `npm run check`, or
// `npm run check -- --without-tests` where the tests run by themselves.

const generatedIsUpToDate: Step = {
  name: "gen/: up to date with proto/",
  run: async () => {
    const folder = await mkdtemp(join(tmpdir(), "cxmpute-gen-"));
    try {
      const { code, output } = await runProgram("buf", ["generate", "--output", folder]);
      if (code !== 0) return output;
      const stale = await differences(join(projectFolder, "gen"), join(folder, "gen"));
      if (stale.length === 0) return undefined;
      return ["These files do not match proto/; run `npm run generate`:", ...stale].join("\n");
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

/** Files that are not the same in both folders, or are in only one of them. */
async function differences(left: string, right: string): Promise<string[]> {
  const names = new Set([...(await filesIn(left)), ...(await filesIn(right))]);
  const checked = await Promise.all(
    [...names].map(async (name) => {
      const [a, b] = await Promise.all(
        [left, right].map((folder) => readFile(join(folder, name), "utf8").catch(() => "")),
      );
      return a === b ? [] : [name];
    }),
  );
  return checked.flat().sort();
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

const args = process.argv.slice(2);
const withoutTests = "--without-tests";
if (args.some((arg) => arg !== withoutTests)) {
  process.stderr.write(`npm run check: accepts only ${withoutTests}, got ${args.join(" ")}\n`);
  process.exit(2);
}
process.exitCode = await runSteps([
  lintProtos,
  compareProtos,
  generatedIsUpToDate,
  program("format and lint", "biome", "ci", "--colors=off"),
  program("types", "tsc", "-p", "."),
  ...(args.includes(withoutTests) ? [] : [program("tests", "vitest", "run")]),
]);
