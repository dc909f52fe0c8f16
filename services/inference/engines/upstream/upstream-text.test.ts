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
      said: "open /usr/share/ollama/.ollama/models/blobs/sha256-ab: no such file",
      quoted: "open (a path): no such file",
      because: "paths of its machine go",
    },
    {
      said: "see https://ollama.com/download/x, https://www.ollama.com, https://notollama.com, https://ollama.com@evil.example/x",
      quoted: "see https://ollama.com/download/x, https://www.ollama.com, (an address) (an address)",
      because: "addresses go, those at the public domain stay",
    },
    {
      said: "dial tcp 10.0.0.7:11434, gpu-box at http://gpu-box.lan:8000/v1",
      quoted: "dial tcp (an address), gpu-box at (an address)",
      because: "addresses go with and without a scheme",
    },
    {
      said: `signed ${"a1".repeat(32)}, gsk_0123456789`,
      quoted: "signed (hidden), (a key)",
      because: "what may be a secret goes",
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
    expect(upstreamText(said, ["ollama.com"])).toBe(quoted);
  });

  test("is cut where it gets long", () => {
    const text = upstreamText("😀".repeat(10_000));
    expect([...text].length).toBe(300);
    expect(text).toMatch(/…$/);
    expect(text.isWellFormed()).toBe(true);
  });
});
