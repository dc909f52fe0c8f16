import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { root } from "../support/program.ts";
import { type SharedMesh, sharedMesh } from "../support/shared-mesh.ts";

const packages = ["anthropic==2.12.0", "openai==3.54.0", "requests==2.34.2"];
const environment = prepare();

describe.skipIf(environment.missing !== undefined)(
  `Python clients${environment.missing === undefined ? "" : ` (skipped: ${environment.missing})`}`,
  () => {
    let mesh: SharedMesh;
    beforeAll(async () => {
      mesh = await sharedMesh("in one process");
    });

    /** What a script found, as the JSON that it prints. */
    const run = (script: string, mount: string): Record<string, unknown> => {
      const { status, stdout, stderr } = spawnSync(environment.python, [`test/e2e/python/${script}`], {
        cwd: root,
        encoding: "utf8",
        timeout: 110_000,
        env: {
          PATH: process.env.PATH,
          BASE_URL: `${mesh.url}${mount}`,
          API_KEY: mesh.apiKey,
          USER_ID: mesh.userId,
          MODEL: mesh.model,
        },
      });
      expect(stderr).toBe("");
      expect(status).toBe(0);
      return JSON.parse(stdout);
    };

    test("complete, stream line by line, and use the openai library with X-User-Id", () => {
      const results = run("examples.py", "/api/v1");
      expect(results).toMatchObject({ done: true, same: true, unknown_model: "model_not_found" });
      for (const answer of ["plain", "streamed", "library"])
        expect(String(results[answer]).length).toBeGreaterThan(20);
    });

    test("use the helpers of the openai and anthropic libraries on every surface", () => {
      expect(run("sdks.py", "/v1")).toEqual({
        "openai stream": true,
        "openai parse": true,
        "openai tools": true,
        "openai error": ["decimal_above_max_value", "temperature", true],
        "openai embeddings": true,
        "openai completions": true,
        "openai responses": true,
        anthropic: true,
        "anthropic tools": ["tool_use", "get_weather", true],
        "anthropic error": "not_found_error",
      });
    });
  },
);

/** A virtual environment with the packages, made once; or what is missing for it. */
function prepare(): { python: string; missing?: string } {
  const folder = join(root, ".cache", "python", packages.join("-"));
  const python = join(folder, "bin", "python");
  if (existsSync(python)) return { python };
  const building = `${folder}.${process.pid}`;
  const steps = [
    ["python3", "-m", "venv", building],
    [
      join(building, "bin", "python"),
      "-m",
      "pip",
      "install",
      "--quiet",
      "--disable-pip-version-check",
      ...packages,
    ],
  ] as const;
  mkdirSync(join(root, ".cache", "python"), { recursive: true });
  for (const [command, ...args] of steps) {
    const { status } = spawnSync(command, args, { stdio: "ignore", timeout: 120_000 });
    if (status === 0) continue;
    rmSync(building, { recursive: true, force: true });
    return { python, missing: args[1] === "venv" ? "no python3 with venv" : "PyPI cannot be reached" };
  }
  renameSync(building, folder);
  return { python };
}
