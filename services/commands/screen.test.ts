import { expect, test } from "vitest";
import { toCurl, toScreen } from "./screen.ts";

const facts = {
  version: "1.2.3",
  startedInMs: 1234,
  baseUrl: "http://127.0.0.1:8080/v1",
  keys: [{ key: "sk-cx-abc", userId: "local" }],
  keyOrigin: "kept in .data/api-key",
  models: ["starter", "other"],
  chat: "cxmpute chat --data elsewhere",
};

test("the screen says where to connect, as whom, and gives one line to try", () => {
  const screen = toScreen(facts);
  for (const said of [
    "1.2.3",
    "1.2 s",
    facts.baseUrl,
    "sk-cx-abc",
    facts.keyOrigin,
    "starter, other",
    facts.chat,
  ])
    expect(screen).toContain(said);
  expect(screen.split("\n").filter((line) => line.startsWith("curl "))).toEqual([
    `curl -N http://127.0.0.1:8080/v1/chat/completions -H 'Authorization: Bearer sk-cx-abc' -H 'X-User-Id: local' -H 'Content-Type: application/json' -d '{"model":"starter","stream":true,"messages":[{"role":"user","content":"What is gRPC?"}]}'`,
  ]);
});

test("a key or a model with signs that mean something to a shell does no harm", () => {
  const line = toCurl({ ...facts, keys: [{ key: "it's$(x)", userId: "local" }], models: ["it's"] });
  expect(line).toContain(String.raw`'Authorization: Bearer it'\''s$(x)'`);
  expect(line).toContain(String.raw`{"model":"it'\''s"`);
});

test("of several keys it shows none but the one to try, and of a hash that a key is needed", () => {
  const keys = [
    { key: "sk-cx-alice", userId: "alice" },
    { key: "sk-cx-bob", userId: "bob" },
    { key: "sk-cx-bob-2", userId: "bob" },
  ];
  const screen = toScreen({ ...facts, keys, keyOrigin: "as configured" });
  expect(screen).toContain("  API key   3 keys  (as configured)\n  User id   alice, bob\n");
  expect(screen).toContain("Bearer sk-cx-alice' -H 'X-User-Id: alice'");
  expect(screen).not.toContain("sk-cx-bob");
  const hashed = toScreen({ ...facts, keys: [{ sha256: "ab".repeat(32), userId: "carol" }] });
  expect(hashed).toContain("API key   known by its hash");
  expect(hashed).toContain("Bearer YOUR_KEY' -H 'X-User-Id: carol'");
});
