import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that mostly wait: the sooner they begin, the more runs beside them. Longest first. */
const first = [
  "e2e/nat-changes",
  "e2e/nat.",
  "e2e/llama-server",
  "e2e/continuation",
  "package/installs",
  "cli/join.",
  "e2e/mesh-of-meshes",
  "golden.test",
];

/** Files in the order above, then as Vitest has them. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const index = first.findIndex((name) => moduleId.includes(name));
      return index < 0 ? first.length : index;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

const exclude = ["**/node_modules/**", ".cache/**"];

export default defineConfig({
  test: {
    maxWorkers: Math.max(3, availableParallelism()),
    sequence: { sequencer: LongestFirst },
    // Far beyond what any needs on a machine that does nothing else: no test is about time.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 100_000 } },
    projects: [
      {
        // No file of these has a process or a port of its own, so that they can share what they have loaded.
        extends: true,
        test: {
          name: "unit",
          include: ["{core,services,scripts,bench}/**/*.test.ts", "test/*.test.ts"],
          exclude,
          pool: "threads",
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: "process",
          include: ["test/*/**/*.test.ts"],
          exclude,
          pool: "forks",
          // Files follow each other in one process, which loads what they share once.
          isolate: false,
          globalSetup: ["test/support/run/global-setup.ts"],
          setupFiles: ["test/support/run/end-programs.ts"],
        },
      },
    ],
  },
});
