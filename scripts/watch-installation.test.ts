import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { watchInstallation } from "./watch-installation.mjs";

let folder: string;
const npm = { kill: vi.fn() };
const lines: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cxmpute-watch-"));
  vi.useFakeTimers();
  vi.spyOn(process.stderr, "write").mockImplementation((line) => lines.push(String(line)) > 0);
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  npm.kill.mockReset();
  lines.length = 0;
  await rm(folder, { recursive: true });
});

const packages = {
  "": { name: "project" },
  "node_modules/zod": {},
  "node_modules/@scope/name": {},
  "node_modules/zod/node_modules/a": {},
  "node_modules/b": { optional: true, os: [process.platform], cpu: process.arch },
  "node_modules/elsewhere": { optional: true, os: "plan9" },
  "node_modules/of-elsewhere": { optional: true },
};

const watch = () => watchInstallation(folder, "dependencies", packages, npm);

async function arrive(path: string, bytes: number): Promise<void> {
  await mkdir(join(folder, path), { recursive: true });
  await writeFile(join(folder, path, "package.json"), " ".repeat(bytes));
}

test("nothing is said about an installation that is quick", () => {
  const { stop } = watch();
  vi.advanceTimersByTime(9_999);
  expect(stop()).toBeUndefined();
  vi.advanceTimersByTime(60_000);
  expect(lines).toEqual([]);
});

test("every 10 s a line says how much there is and what is still to come", async () => {
  const { stop } = watch();
  vi.advanceTimersByTime(10_000);
  await arrive("node_modules/zod", 3_000_000);
  vi.advanceTimersByTime(10_000);
  for (const path of Object.keys(packages).slice(2, 5)) await arrive(path, 1_000_000);
  vi.advanceTimersByTime(10_000);
  stop();
  expect(lines).toEqual([
    "Installing dependencies: 0 of 4 packages, 0 MB after 10 s, still fetching zod, @scope/name, a and 1 more\n",
    "Installing dependencies: 1 of 4 packages, 3 MB after 20 s, still fetching @scope/name, a, b\n",
    "Installing dependencies: 4 of 4 packages, 6 MB after 30 s\n",
  ]);
});

test("npm is ended within a minute when its registry answers nothing", () => {
  const { sawLine, stop } = watch();
  sawLine("npm http fetch GET https://registry.example/zod attempt 1 failed with ECONNREFUSED");
  vi.advanceTimersByTime(29_000);
  expect(npm.kill).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1_000);
  expect(npm.kill).toHaveBeenCalled();
  expect(stop()).toContain("The package registry does not answer. Check the network");
});

test("a registry that has answered may be as slow as it likes", () => {
  const { sawLine, stop } = watch();
  sawLine("npm http fetch GET 200 https://registry.example/zod 31000ms (cache miss)");
  vi.advanceTimersByTime(600_000);
  expect(npm.kill).not.toHaveBeenCalled();
  expect(stop()).toBeUndefined();
});

test("what comes from npm's cache, without a registry, may take its time", async () => {
  const { stop } = watch();
  for (const path of Object.keys(packages).slice(1, 5)) {
    await arrive(path, 1);
    vi.advanceTimersByTime(30_000);
  }
  expect(npm.kill).not.toHaveBeenCalled();
  expect(stop()).toBeUndefined();
});
