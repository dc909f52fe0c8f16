import { defineConfig } from "vitest/config";

// Runs one file of tests that do not end what they start; for `test/run/leaks.test.ts`.
export default defineConfig({
  test: {
    include: [`test/support/run/leaks/${process.env.LEAKS_FILE}.ts`],
    hookTimeout: 500,
    pool: "forks",
    globalSetup: ["test/support/run/global-setup.ts"],
    setupFiles: ["test/support/run/end-programs.ts"],
  },
});
