import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { parseCatalogue } from "../../../core/catalogue/load-catalogue.ts";
import { ModelSchema } from "../../../gen/cxmpute/router/v1/router_pb.ts";
import { bearer, createTestApp } from "../../../test/support/translator/translator.ts";
import { listCatalogue } from "./route.ts";

const catalogue = parseCatalogue(
  "c.yaml",
  `
- name: b:8x7b
  size: 8x7B
  active_size: 13B
  description: Eight experts.
  best_for: Tests
  context_length: 32768
  capabilities: [chat, tools]
  names: { ollama: ["b:8x7b"] }
- name: a:embed
  size: 137M
  description: Embeds.
  best_for: Search
  dimensions: 768
  capabilities: [embeddings]
  names: { hugging_face: [owner/A] }
`,
);

test("describes a model together with how it is served", () => {
  const served = create(ModelSchema, {
    name: "b:8x7b",
    nodes: 3,
    slots: 12,
    contextLength: 8192,
    tokensPerSecond: 41.2345,
  });
  expect(listCatalogue(catalogue, [served])[0]).toEqual({
    id: "b:8x7b",
    object: "catalogue.model",
    size: "8x7B",
    active_size: "13B",
    description: "Eight experts.",
    best_for: "Tests",
    context_length: 32768,
    dimensions: null,
    capabilities: ["chat", "tools"],
    names: { ollama: ["b:8x7b"], hugging_face: [], gguf: [] },
    serving: { nodes: 3, slots: 12, context_length: 8192, tokens_per_second: 41.2 },
  });
});

test("keeps the order of the catalogue, served or not, and puts what is only served behind it", () => {
  const list = listCatalogue(catalogue, [
    create(ModelSchema, { name: "a:embed", nodes: 1 }),
    create(ModelSchema, { name: "own-model", nodes: 2, slots: 2 }),
  ]);
  expect(list.map(({ id, serving }) => [id, serving.nodes])).toEqual([
    ["b:8x7b", 0],
    ["a:embed", 1],
    ["own-model", 2],
  ]);
  expect(list[2]).toMatchObject({ size: null, capabilities: null, names: null, context_length: null });
  expect(list[0]?.serving).toEqual({ nodes: 0, slots: 0, context_length: null, tokens_per_second: null });
});

test.each(["/v1/catalogue", "/api/v1/catalogue"])("is served at %s, behind a key", async (url) => {
  const app = createTestApp({ catalogue: () => catalogue });
  expect((await app.inject({ url })).statusCode).toBe(401);
  const { object, data } = (await app.inject({ url, headers: bearer })).json();
  expect(object).toBe("list");
  expect(data.map(({ id }: { id: string }) => id)).toEqual(["b:8x7b", "a:embed", "m"]);
});
