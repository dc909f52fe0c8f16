import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { root } from "../../../../../test/support/program.ts";
import { embeddedEngineFault, findAddon, missingEngine } from "./platform.ts";

const platforms = ["linux", "darwin", "win32"].flatMap((platform) =>
  ["x64", "arm64"].map((arch) => [platform, arch] as const),
);

test("the build for this machine is found, and says which it is", () => {
  expect(embeddedEngineFault()).toBeUndefined();
  expect(findAddon().name).toMatch(/^@node-llama-cpp\/[a-z0-9-]+ \d+\.\d+\.\d+$/);
  expect(findAddon().reportsLogits).toBe(true);
});

test.each(platforms)("on %s %s it can be installed, which the message says", (platform, arch) => {
  expect(missingEngine(platform, arch).message).toMatch(/is not installed.*--omit=optional.*join again/);
});

test.each([
  ["linux", "riscv64", false],
  ["freebsd", "x64", false],
  ["linux", "x64", true],
] as const)("on %s %s (musl: %s) the message says what to run instead", (platform, arch, isMusl) => {
  const { message } = missingEngine(platform, arch, isMusl);
  expect(message).toMatch(/has no binaries for .*Ollama, llama-server or vLLM.*join again/);
  expect(message).not.toContain("--omit");
});

test("the packages are the optional dependencies, and all of them but the copies of Node", () => {
  const { optionalDependencies } = JSON.parse(readFileSync(`${root}/package.json`, "utf8"));
  const names = Object.keys(optionalDependencies).filter((name) => name.startsWith("@node-llama-cpp/"));
  expect(names).toHaveLength(platforms.length);
  for (const version of names.map((name) => optionalDependencies[name]))
    expect(version, "pinned exactly").toMatch(/^\d+\.\d+\.\d+$/);
});
