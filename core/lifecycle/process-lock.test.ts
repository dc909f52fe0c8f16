import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ProcessLock, takeLock } from "./process-lock.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cxmpute-lock-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const owned = (lock: ProcessLock) => {
  if (!lock.taken) throw new Error("The lock was not taken.");
  return lock;
};

test("a lock has one owner, which the next one is told", () => {
  const path = join(folder, "lock");
  const first = owned(takeLock(path, "one"));
  expect(first.former).toBeUndefined();
  expect(takeLock(path, "two")).toEqual({
    taken: false,
    owner: expect.objectContaining({ pid: process.pid, instance: "one" }),
  });
  first.release();
  const second = owned(takeLock(path, "two"));
  expect(second.former).toMatchObject({ instance: "one", hasEnded: true });
  second.release();
});

test("locks of different files do not know of each other", () => {
  const locks = ["a", "b"].map((name) => owned(takeLock(join(folder, name), name)));
  for (const { release } of locks) release();
});

test("a file that holds something else is no lock, and is left as it is", () => {
  const path = join(folder, "lock");
  writeFileSync(path, "These are somebody's notes, long enough to be no header of a database.".repeat(20));
  expect(() => takeLock(path, "one")).toThrow("file is not a database");
});

test("a folder that does not exist is no place for a lock", () => {
  expect(() => takeLock(join(folder, "missing", "lock"), "one")).toThrow("unable to open database file");
});
