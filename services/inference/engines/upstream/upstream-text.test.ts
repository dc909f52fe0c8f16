import { describe, expect, test } from "vitest";
import { upstreamText } from "./upstream-text.ts";

describe("what an upstream says", () => {
  test.each([
    { said: "out of memory", quoted: "out of memory", because: "plain words stay" },
    { said: '{"error":"busy"}', quoted: "busy", because: "an error comes out of its JSON" },
    {
      said: JSON.stringify({ error: JSON.stringify({ error: { code: 400, message: "too long" } }) }),
      quoted: "too long",
      because: "and out of JSON within JSON",
    },
    { said: '{"detail":1}', quoted: '{"detail":1}', because: "JSON without a message stays" },
    { said: "{not json", quoted: "{not json", because: "what only looks like JSON stays" },
    {
      said: "a\u0000\u001b[31m\r\nb\u2028c",
      quoted: "a [31m b c",
      because: "control characters and line breaks go",
    },
    {
      said: "open /usr/share/ollama/.ollama/models/blobs/sha256-ab: no such file; see https://ollama.com/download/x",
      quoted: "open (a path): no such file; see https://ollama.com/download/x",
      because: "paths of its machine go, addresses stay",
    },
    {
      said: "error at #/properties/a/b",
      quoted: "error at #/properties/a/b",
      because: "places in JSON stay",
    },
    {
      said: "open C:\\Users\\ann\\.ollama\\id: denied",
      quoted: "open (a path): denied",
      because: "on Windows too",
    },
    {
      said: "Post http://127.0.0.1:43211/completion: EOF, Bearer abc, sk-0123456789",
      quoted: "Post (an address) EOF, (a key) (a key)",
      because: "its own addresses and keys go",
    },
    { said: "lone \ud83d half", quoted: "lone \ufffd half", because: "half characters are mended" },
  ])("is quoted as $quoted: $because", ({ said, quoted }) => {
    expect(upstreamText(said)).toBe(quoted);
  });

  test("is cut where it gets long", () => {
    const text = upstreamText("😀".repeat(10_000));
    expect(text.length).toBeLessThanOrEqual(300);
    expect(text).toMatch(/…$/);
    expect(text.isWellFormed()).toBe(true);
  });
});
