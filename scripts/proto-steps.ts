import { existsSync } from "node:fs";
import { join } from "node:path";
import { program, projectFolder, runProgram, type Step } from "./steps.ts";

/** The protos follow the rules of buf.yaml. */
export const lintProtos: Step = program("protos: lint", "buf", "lint");

/**
 * No message that is in use is broken: compares the protos with those that are committed, on `origin/main` when
 * this is another commit, else on HEAD. Without git there is nothing to compare with.
 */
export const compareProtos: Step = {
  name: "protos: no breaking change",
  run: async () => {
    const baseline = await findBaseline();
    if (baseline === undefined) return undefined;
    const { code, output } = await runProgram("buf", ["breaking", "--against", `.git#ref=${baseline}`]);
    return code === 0 ? undefined : `Compared with ${baseline}:\n${output}`;
  },
};

async function findBaseline(): Promise<string | undefined> {
  if (!existsSync(join(projectFolder, ".git"))) return undefined;
  const resolve = async (name: string) => {
    const { code, output } = await runProgram("git", [
      "rev-parse",
      "--verify",
      "--quiet",
      `${name}^{commit}`,
    ]);
    return code === 0 ? output.trim() : undefined;
  };
  return (await resolve("origin/main")) ?? (await resolve("HEAD"));
}
