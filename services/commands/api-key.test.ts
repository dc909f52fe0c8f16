import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { apiKeyFile, createApiKey, keepApiKey, readApiKey } from "./api-key.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "api-key-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("a key has at least 128 random bits, and no two are alike", () => {
  const keys = Array.from({ length: 100 }, createApiKey);
  expect(new Set(keys).size).toBe(100);
  for (const key of keys) {
    expect(key).toMatch(/^sk-cx-[\w-]+$/);
    expect(Buffer.from(key.slice("sk-cx-".length), "base64url").length).toBeGreaterThanOrEqual(16);
  }
});

test("the key that is made is kept, for this user alone", () => {
  const data = join(folder, "not", "yet", "there");
  expect(readApiKey(data)).toBeUndefined();
  const key = keepApiKey(data);
  expect(keepApiKey(data)).toBe(key);
  expect(readApiKey(data)).toBe(key);
  expect(readdirSync(data)).toEqual(["api-key"]);
  expect(statSync(apiKeyFile(data)).mode & 0o777).toBe(0o600);
  expect(statSync(data).mode & 0o777).toBe(0o700);
});

test("a file that holds something else is not taken for a key", () => {
  writeFileSync(apiKeyFile(folder), "");
  expect(() => keepApiKey(folder)).toThrow(/holds no API key\. Delete it/);
});

test("a folder that cannot be made is a fault that says what to do", () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  expect(() => keepApiKey(join(file, "data"))).toThrow(/--data FOLDER/);
});

test.runIf(existsSync("/proc/self"))("a folder where none can be made is refused at once", () => {
  expect(() => keepApiKey("/proc/cxmpute/data")).toThrow(/--data FOLDER/);
});
