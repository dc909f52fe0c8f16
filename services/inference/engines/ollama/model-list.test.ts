import { expect, test } from "vitest";
import { isNamed } from "./model-list.ts";

test.each([
  { name: "llama3.1:latest", asked: "llama3.1", same: true },
  { name: "llama3.1:8b", asked: "llama3.1", same: false },
  { name: "llama3.1:8b", asked: "Llama3.1:8B", same: true },
  { name: "llama3.1:8b", asked: "library/llama3.1:8b", same: true },
  { name: "llama3.1:8b", asked: "registry.ollama.ai/library/llama3.1:8b", same: true },
  { name: "acme/tune:latest", asked: "registry.ollama.ai/acme/tune", same: true },
  { name: "acme/tune:latest", asked: "tune", same: false },
  { name: "hf.co/acme/Model-GGUF:Q4_K_M", asked: "hf.co/acme/Model-GGUF:q4_k_m", same: true },
  { name: "hf.co/library/model:latest", asked: "model", same: false },
  { name: "localhost:5000/acme/tune:latest", asked: "localhost:5000/acme/tune", same: true },
])("whether $asked means $name: $same", ({ name, asked, same }) => {
  expect(isNamed(name, asked)).toBe(same);
});
