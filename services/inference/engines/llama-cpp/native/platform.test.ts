import { expect, test } from "vitest";
import { assertPlatform } from "./platform.ts";

test("the embedded engine runs on Linux on both common processors", () => {
  assertPlatform("linux", "x64");
  assertPlatform("linux", "arm64");
});

test.each([
  ["darwin", "arm64"],
  ["win32", "x64"],
  ["linux", "riscv64"],
] as const)("on %s %s it says what to run instead", (platform, arch) => {
  expect(() => assertPlatform(platform, arch)).toThrow(/Ollama, llama-server or vLLM.*join again/);
});
