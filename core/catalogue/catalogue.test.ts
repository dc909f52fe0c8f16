import { describe, expect, test } from "vitest";
import { createCatalogue } from "./catalogue.ts";
import type { CatalogueEntry } from "./entry.ts";

const entryOf = (name: string, names: Partial<CatalogueEntry["names"]> = {}): CatalogueEntry => ({
  name,
  size: "8B",
  activeSize: undefined,
  description: "A model.",
  bestFor: "Tests",
  contextLength: 4096,
  dimensions: undefined,
  capabilities: ["chat"],
  names: { ollama: [], huggingFace: [], gguf: [], ...names },
});

const catalogue = createCatalogue([
  entryOf("llama3.1:8b", {
    ollama: ["llama3.1:8b", "llama3.1:8b-instruct"],
    huggingFace: ["meta-llama/Llama-3.1-8B-Instruct"],
    gguf: ["Llama-3.1-8B-Instruct", "Meta-Llama-3.1-8B-Instruct"],
  }),
  entryOf("llama3.1:70b", { gguf: ["Llama-3.1-70B-Instruct", "shared"] }),
  entryOf("gemma3:4b", { ollama: ["gemma3:4b"], gguf: ["gemma-3-4b-it", "shared"] }),
  entryOf("starter", { gguf: ["starter"] }),
]);

/** The name that a name leads to, several of them, or undefined. */
const resolve = (name: string): string | string[] | undefined => {
  const found = catalogue.resolve(name);
  if (found.kind === "known") return found.entry.name;
  return found.kind === "ambiguous" ? found.candidates.map((entry) => entry.name) : undefined;
};

describe("an engine's own name leads to the canonical one", () => {
  test.each([
    ["llama3.1:8b", "the canonical name itself"],
    ["LLAMA3.1:8B", "whatever the case"],
    ["llama3.1:8b-instruct-q4_K_M", "Ollama, with a quantization"],
    ["registry.ollama.ai/library/llama3.1:8b", "Ollama, in full"],
    ["meta-llama/Llama-3.1-8B-Instruct", "vLLM"],
    ["RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8-dynamic", "vLLM, quantized by somebody else"],
    ["hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4", "the same in another format"],
    ["Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf", "a file"],
    ["/srv/models/Meta-Llama-3.1-8B-Instruct.IQ4_XS.gguf", "a file in a folder"],
    ["C:\\models\\Llama-3.1-8B-Instruct-UD-Q4_K_XL.gguf", "a file on Windows"],
    ["Llama-3.1-8B-Instruct-BF16-00001-of-00002.gguf", "the first of several files"],
    ["hf.co/bartowski/Meta-Llama-3.1-8B-Instruct-GGUF:Q5_K_M", "Ollama with a repository"],
    ["mlx-community/Llama-3.1-8B-Instruct-4bit", "MLX"],
    ["llama-3.1-8b-instruct", "LM Studio"],
  ])("%s (%s)", (name) => {
    expect(resolve(name)).toBe("llama3.1:8b");
  });

  test("also when the publisher stands in front of a file's name", () => {
    expect(resolve("google_gemma-3-4b-it-Q4_K_M.gguf")).toBe("gemma3:4b");
  });
});

describe("a name that leaves a choice is not decided", () => {
  test.each(["llama3.1", "llama3.1:latest", "Llama3.1"])("%s is a family", (name) => {
    expect(resolve(name)).toEqual(["llama3.1:8b", "llama3.1:70b"]);
  });

  test("a family of one is a choice too, for the catalogue need not know all of it", () => {
    expect(resolve("gemma3:latest")).toEqual(["gemma3:4b"]);
  });

  test("a name of two entries is both", () => {
    expect(resolve("shared-Q8_0.gguf")).toEqual(["llama3.1:70b", "gemma3:4b"]);
  });
});

test.each([
  "Llama-3.1-8B",
  "llama3.1:8b-text-q4_K_M",
  "somebody/llama-3.1-8b-instruct-pirate",
  "somebody/llama3.1:8b",
  "gemma-3-4b-it-abliterated",
  "my-model",
  "",
])("%s is no model of the catalogue: base models and descendants have other weights", (name) => {
  expect(resolve(name)).toBeUndefined();
});

test("a canonical name is looked up exactly", () => {
  expect(catalogue.get("starter")?.name).toBe("starter");
  expect(catalogue.get("Starter")).toBeUndefined();
});
