import { join } from "node:path";
import { expect, test } from "vitest";
import { root, run } from "../../support/program.ts";
import { describeMeshes } from "./asking.ts";

const scanner = join(root, "node_modules", "compatcanary", "src", "cli.js");

describeMeshes("the compatibility scanner compatcanary", (mesh) => {
  // The scanner leaves the temperature to the server and a string without an end to the model: of 300 such calls the
  // starter model wrote two strings to the end of its context.
  test("finds nothing to object to in its chat profile", { retry: 2 }, async () => {
    const { url, model, apiKey } = mesh();
    const scan = run(
      [
        scanner,
        "scan",
        ...["--base-url", `${url}/v1`, "--model", model],
        ...["--profile", "chat", "--format", "json", "--fail-on", "any"],
      ],
      { OPENAI_API_KEY: apiKey },
    );
    const { code } = await scan.ended;
    const report = JSON.parse(scan.stdout());
    const wrong = report.results.filter(({ status }: { status: string }) => status !== "pass");
    expect(wrong).toEqual([]);
    expect(report).toMatchObject({ score: 100, compatible: true });
    expect(report.summary.passes).toBeGreaterThanOrEqual(5);
    expect(code).toBe(0);
  });
});
