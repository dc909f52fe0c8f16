import { expect, test } from "vitest";
import { isExact } from "../../../../core/generation/resume.ts";
import { never, withFile } from "../../../../test/support/inference/llama-cpp/engines.ts";
import { tinyModel } from "../../../../test/support/inference/llama-cpp/tiny-model.ts";
import { writeGguf } from "../../../../test/support/inference/llama-cpp/write-gguf.ts";
import { openModelFile } from "./gguf/model-file.ts";
import { fingerprintOf } from "./load-model.ts";
import { even, flash, free } from "./native/batch-rules.ts";
import type { Computing } from "./native/native-model.ts";

const bytes = writeGguf(tinyModel("{{ messages[0].content }}", []));

const computing: Computing = { rule: even, digest: "of logits" };

const fingerprint = (content: Uint8Array, build = "build 1", how = computing) =>
  withFile(content, async (path) => fingerprintOf(await openModelFile(path, never), build, how, never));

test("the same file and build have the same fingerprint, wherever the file lies", async () => {
  expect(await fingerprint(bytes)).toBe(await fingerprint(bytes));
});

test("other weights, another header, build or batch rule and other logits have another", async () => {
  const weights = Buffer.from(bytes);
  weights[weights.length - 100] = weights[weights.length - 100]! ^ 1;
  const header = Buffer.from(bytes);
  header.write("Loud", header.indexOf("Tiny noise"));
  const all = [
    await fingerprint(bytes),
    await fingerprint(weights),
    await fingerprint(header),
    await fingerprint(bytes, "build 2"),
    await fingerprint(bytes, "build 1", { ...computing, rule: flash }),
    await fingerprint(bytes, "build 1", { ...computing, digest: "with another instruction set" }),
  ];
  expect(new Set(all).size).toBe(6);
  expect(all.every(isExact)).toBe(true);
});

test("where logits depend on what else is computed, it says so", async () => {
  expect(isExact(await fingerprint(bytes, "build 1", { rule: free, digest: undefined }))).toBe(false);
});
