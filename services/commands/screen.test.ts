import { expect, test } from "vitest";
import { toCurl, toScreen } from "./screen.ts";

const facts = {
  version: "1.2.3",
  startedInMs: 1234,
  baseUrl: "http://127.0.0.1:8080/v1",
  apiKey: "sk-cx-abc",
  keyOrigin: "kept in .data/api-key",
  userId: "local",
  models: ["starter", "other"],
  chat: "cxmpute chat --data elsewhere",
};

test("the screen says where to connect, as whom, and gives one line to try", () => {
  const screen = toScreen(facts);
  for (const said of [
    "1.2.3",
    "1.2 s",
    facts.baseUrl,
    facts.apiKey,
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
  const line = toCurl({ ...facts, apiKey: "it's$(x)", models: ["it's"] });
  expect(line).toContain(String.raw`'Authorization: Bearer it'\''s$(x)'`);
  expect(line).toContain(String.raw`{"model":"it'\''s"`);
});
