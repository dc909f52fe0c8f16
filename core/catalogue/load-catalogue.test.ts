import { expect, test } from "vitest";
import { aliasesOf } from "./catalogue.ts";
import { CatalogueFault, loadCatalogue, parseCatalogue } from "./load-catalogue.ts";

const failure = (run: () => unknown): CatalogueFault => {
  try {
    run();
  } catch (error) {
    if (error instanceof CatalogueFault) return error;
    throw error;
  }
  throw new Error("It did not fail.");
};

const right = `
- name: a:1b
  size: 1B
  description: A model.
  best_for: Tests
  context_length: 4096
  capabilities: [chat]
  names: {}
`;

test("reads entries, with nothing where the file says nothing", () => {
  const [entry] = parseCatalogue("c.yaml", right).entries;
  expect(entry).toEqual({
    name: "a:1b",
    size: "1B",
    activeSize: undefined,
    description: "A model.",
    bestFor: "Tests",
    contextLength: 4096,
    dimensions: undefined,
    capabilities: ["chat"],
    names: { ollama: [], huggingFace: [], gguf: [] },
  });
});

test("tells every fault at once, with its line", () => {
  const { faults, message } = failure(() =>
    parseCatalogue(
      "c.yaml",
      `- name: a:1b
  size: huge
  description: A model.
  best_for: Tests
  context_length: 0
  capabilities: [chat, flying]
  names:
    ollama: [no-tag]
  licence: MIT
- size: 1B
  description: A model.
  best_for: Tests
  capabilities: []
  names: {}
`,
    ),
  );
  expect(faults.map(({ where }) => where)).toEqual([
    "c.yaml:2 a:1b size",
    "c.yaml:5 a:1b context_length",
    "c.yaml:6 a:1b capabilities[1]",
    "c.yaml:8 a:1b names.ollama[0]",
    "c.yaml:1 a:1b",
    "c.yaml:10 [1] name",
    "c.yaml:13 [1] capabilities",
  ]);
  expect(message).toContain("c.yaml:2 a:1b size: expected a size such as 8B");
  expect(message).toContain('"licence"');
});

test.each([
  ["two entries of one name", right + right, "c.yaml:10 a:1b: there is an entry of this name above"],
  ["broken YAML", "- name: [", "c.yaml:1: no valid YAML"],
  ["something else than a list", "models: 3", "c.yaml:1: "],
])("refuses %s", (_, content, message) => {
  expect(failure(() => parseCatalogue("c.yaml", content)).message).toContain(message);
});

test("says which file cannot be read", () => {
  expect(failure(() => loadCatalogue("/nowhere/c.yaml")).message).toContain("/nowhere/c.yaml: ENOENT");
});

const catalogue = loadCatalogue();

test("the catalogue that comes with the program begins with the documented models", () => {
  expect(catalogue.entries.slice(0, 6).map(({ name, size }) => [name, size])).toEqual([
    ["llama3.1:8b", "8B"],
    ["llama3.1:70b", "70B"],
    ["codellama:13b", "13B"],
    ["mixtral:8x7b", "8x7B"],
    ["qwen2.5:14b", "14B"],
    ["starter", "2.23M"],
  ]);
});

test("every name in it leads to its own entry and to no other", () => {
  for (const entry of catalogue.entries)
    for (const alias of aliasesOf(entry))
      expect([alias, catalogue.resolve(alias)]).toEqual([alias, { kind: "known", entry }]);
});

test("so does every name in it with a quantization behind", () => {
  for (const entry of catalogue.entries) {
    const packed = [
      ...entry.names.ollama.filter((name) => !name.endsWith(":latest")).map((name) => `${name}-q4_K_M`),
      ...entry.names.huggingFace.map((name) => `${name}-FP8`),
      ...entry.names.gguf.map((name) => `/models/${name}-Q4_K_M.gguf`),
    ];
    for (const name of packed)
      expect([name, catalogue.resolve(name)]).toEqual([name, { kind: "known", entry }]);
  }
});

test("every entry says whether it chats or embeds, embeddings with their dimensions", () => {
  for (const { name, capabilities, dimensions, description } of catalogue.entries) {
    const embeds = capabilities.includes("embeddings");
    expect([name, embeds !== capabilities.includes("chat"), embeds]).toEqual([
      name,
      true,
      dimensions !== undefined,
    ]);
    expect([name, description.endsWith(".")]).toEqual([name, true]);
    expect([name, new Set(capabilities).size]).toEqual([name, capabilities.length]);
  }
});

test("no parameters are active beyond those there are", () => {
  const count = (size: string) =>
    Number.parseFloat(size) * { M: 1e6, B: 1e9, T: 1e12 }[size.at(-1) as "M" | "B" | "T"];
  for (const { name, size, activeSize } of catalogue.entries)
    if (activeSize !== undefined && !size.includes("x"))
      expect([name, count(activeSize) < count(size)]).toEqual([name, true]);
});
