import { expect, test } from "vitest";
import { never, withFile } from "../../../../test/support/inference/llama-cpp/engines.ts";
import { tinyModel } from "../../../../test/support/inference/llama-cpp/tiny-model.ts";
import { writeGguf } from "../../../../test/support/inference/llama-cpp/write-gguf.ts";
import { openModelFile } from "./gguf/model-file.ts";
import { fingerprintOf } from "./load-model.ts";

const bytes = writeGguf(tinyModel("{{ messages[0].content }}", []));

const fingerprint = (content: Uint8Array, build = "build 1") =>
  withFile(content, async (path) => fingerprintOf(await openModelFile(path, never), build, never));

test("the same file and build have the same fingerprint, wherever the file lies", async () => {
  expect(await fingerprint(bytes)).toBe(await fingerprint(bytes));
});

test("other weights, another header and another build have another", async () => {
  const weights = Buffer.from(bytes);
  weights[weights.length - 100] = weights[weights.length - 100]! ^ 1;
  const header = Buffer.from(bytes);
  header.write("Loud", header.indexOf("Tiny noise"));
  const all = [
    await fingerprint(bytes),
    await fingerprint(weights),
    await fingerprint(header),
    await fingerprint(bytes, "build 2"),
  ];
  expect(new Set(all).size).toBe(4);
});
