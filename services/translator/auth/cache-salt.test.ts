import { expect, test } from "vitest";
import { cacheSaltOf } from "./cache-salt.ts";

test("each user has a salt, always the same, which does not show the user", () => {
  const salt = cacheSaltOf("alice", "user", undefined);
  expect(salt).toMatch(/^[0-9a-f]{32}$/);
  expect(cacheSaltOf("alice", "user", undefined)).toBe(salt);
  expect(cacheSaltOf("bob", "user", undefined)).not.toBe(salt);
});

test("an operator can let all share one cache", () => {
  expect([cacheSaltOf("alice", "shared", undefined), cacheSaltOf("bob", "shared", undefined)]).toEqual([
    "",
    "",
  ]);
});

test("what another mesh sends divides a caller's cache further, and leads into nobody else's", () => {
  const bobs = cacheSaltOf("bob", "user", undefined);
  const salts = [
    cacheSaltOf("mesh", "user", undefined),
    cacheSaltOf("mesh", "user", "a"),
    cacheSaltOf("mesh", "user", "b"),
    cacheSaltOf("mesh", "user", bobs),
    cacheSaltOf("other", "user", "a"),
    cacheSaltOf("mesh", "shared", "a"),
    bobs,
  ];
  expect(new Set(salts).size).toBe(salts.length);
});

test.each([["a", "b"], "", "two words", "a".repeat(65)])("a malformed header is ignored: %j", (sent) => {
  expect(cacheSaltOf("alice", "user", sent)).toBe(cacheSaltOf("alice", "user", undefined));
});
