import { describe, expect, test } from "vitest";
import { never, seeded, withFile } from "../../../../../test/support/inference/llama-cpp/engines.ts";
import { tinyModel } from "../../../../../test/support/inference/llama-cpp/tiny-model.ts";
import {
  type Entry,
  type GgufContent,
  writeGguf,
} from "../../../../../test/support/inference/llama-cpp/write-gguf.ts";
import { checkShape } from "./check.ts";
import { GgufError, parseHeader } from "./header.ts";
import { openModelFile } from "./model-file.ts";

const good = tinyModel("{{ messages[0].content }}", []);
const bytes = writeGguf(good);

/** The good model with other metadata; undefined leaves an entry out. */
const modelWith = (changes: Readonly<Record<string, Entry | undefined>>): GgufContent => ({
  ...good,
  metadata: Object.fromEntries(
    Object.entries({ ...good.metadata, ...changes }).flatMap(([key, entry]) => (entry ? [[key, entry]] : [])),
  ),
});

const check = (content: GgufContent) => {
  checkShape(parseHeader(writeGguf(content)));
};

test("a whole file is opened, and its header says what is in it", async () => {
  const file = await withFile(bytes, (path) => openModelFile(path, never));
  expect(file.sizeBytes).toBe(bytes.length);
  const { metadata } = file.header;
  expect([
    metadata.architecture,
    metadata.shape("block_count"),
    metadata.flag("tokenizer.ggml.add_bos_token"),
  ]).toEqual(["llama", 1, true]);
  expect(file.header.tensors.map(({ name }) => name)).toEqual(good.tensors.map(({ name }) => name));
  checkShape(file.header);
});

describe("what is no whole GGUF file is refused, saying why and what to do", () => {
  test.each([
    { name: "nothing", content: Buffer.alloc(0), message: "too short" },
    { name: "a little text", content: Buffer.from("hello"), message: "does not begin with `GGUF`" },
    {
      name: "a page of text",
      content: Buffer.from("<html>".repeat(100)),
      message: "does not begin with `GGUF`",
    },
    {
      name: "another version",
      content: Buffer.concat([Buffer.from("GGUF\u0001\0\0\0"), Buffer.alloc(64)]),
      message: "version 1",
    },
    {
      name: "a header that is cut off",
      content: bytes.subarray(0, 5000),
      message: "within its header. Download it again",
    },
    { name: "data that is cut off", content: bytes.subarray(0, -1000), message: "cut off" },
    {
      name: "nonsense behind the magic",
      content: Buffer.concat([bytes.subarray(0, 8), Buffer.alloc(500, 0xff)]),
      message: "claims to have",
    },
  ])("$name", async ({ content, message }) => {
    const opened = withFile(content, (path) => openModelFile(path, never));
    await expect(opened).rejects.toThrow(expect.objectContaining({ kind: "invalid_request" }));
    await expect(withFile(content, (path) => openModelFile(path, never))).rejects.toThrow(message);
  });

  test("a path where nothing is, and a folder", async () => {
    await expect(openModelFile("/nowhere/model.gguf", never)).rejects.toThrow(
      "There is no such file. Give the path of a GGUF file",
    );
    await expect(openModelFile("/tmp", never)).rejects.toThrow(
      "/tmp is a folder. Name the GGUF file inside of it.",
    );
  });
});

test("at any place where a file is cut off, it is refused", async () => {
  const random = seeded(3);
  for (let round = 0; round < 40; round++) {
    const length = Math.floor(random() * bytes.length);
    await expect(
      withFile(bytes.subarray(0, length), (path) => openModelFile(path, never)),
      `${length} bytes`,
    ).rejects.toMatchObject({
      kind: "invalid_request",
    });
  }
});

test("a header with wrong bytes is read or refused, never anything else", () => {
  const random = seeded(8);
  const { headerBytes } = parseHeader(bytes);
  for (let round = 0; round < 2000; round++) {
    const damaged = Buffer.from(bytes);
    for (let change = 0; change < 3; change++)
      damaged[Math.floor(random() * headerBytes)] = [0, 1, 127, 128, 255][Math.floor(random() * 5)]!;
    try {
      checkShape(parseHeader(damaged));
    } catch (error) {
      expect(["GgufError", "NeedsMoreBytes"]).toContain((error as Error).name);
    }
  }
});

describe("sizes that native code would trust are checked", () => {
  test("those of a good model pass", () => check(good));

  test.each<{ changes: Readonly<Record<string, Entry | undefined>>; message: string }>([
    { changes: { "general.architecture": undefined }, message: "architecture" },
    { changes: { "general.architecture": ["u32", 1] }, message: "`general.architecture` is no text" },
    { changes: { "llama.block_count": ["u32", 0] }, message: "block_count" },
    { changes: { "llama.block_count": ["u32", 100_000] }, message: "block_count" },
    { changes: { "llama.feed_forward_length": ["u32", 0] }, message: "feed_forward_length" },
    { changes: { "llama.feed_forward_length": undefined }, message: "feed_forward_length" },
    { changes: { "llama.attention.head_count": ["u32", 0] }, message: "head_count" },
    { changes: { "llama.attention.head_count_kv": ["u32", 0] }, message: "head_count_kv" },
    { changes: { "llama.attention.layer_norm_rms_epsilon": ["f32", Number.NaN] }, message: "epsilon" },
    { changes: { "llama.embedding_length": ["u32", 31] }, message: "different sizes" },
    { changes: { "llama.embedding_length": ["text", "x"] }, message: "is no number" },
    { changes: { "llama.expert_count": ["u32", 8] }, message: "experts" },
    { changes: { "llama.expert_used_count": ["u32", 3] }, message: "experts" },
    { changes: { "llama.rope.scaling.type": ["text", "wibble"] }, message: "scale positions" },
    { changes: { "tokenizer.ggml.tokens": ["texts", ["a", "b"]] }, message: "different sizes" },
    { changes: { "tokenizer.ggml.tokens": ["u32", 7] }, message: "wrong type" },
    { changes: { "tokenizer.ggml.scores": ["f32s", [1, 2]] }, message: "not as many values" },
    { changes: { "tokenizer.ggml.scores": ["i32s", [1, 2]] }, message: "wrong type" },
    { changes: { "tokenizer.ggml.token_type": ["i32s", [1]] }, message: "not as many values" },
    { changes: { "tokenizer.ggml.bos_token_id": ["u32", 99_999] }, message: "bos token" },
    { changes: { "split.count": ["u32", 3] }, message: "wrong type" },
    { changes: { "general.alignment": ["u32", 3] }, message: "power of two" },
  ])("$message: $changes", ({ changes, message }) => {
    const attempt = () => check(modelWith(changes));
    expect(attempt).toThrow(GgufError);
    expect(attempt).toThrow(message);
  });

  test("a token that is there twice", () => {
    const tokens = good.metadata["tokenizer.ggml.tokens"]![1] as string[];
    const twice = tokens.map((token, index) => (index === 300 ? tokens[301]! : token));
    expect(() => check(modelWith({ "tokenizer.ggml.tokens": ["texts", twice] }))).toThrow("twice");
  });
});
