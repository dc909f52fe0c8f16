import { describe, expect, test } from "vitest";
import { bearer, createTestApp, modelOf, testKey } from "../../../test/support/translator/translator.ts";
import { KnownModels } from "./known-models.ts";

const away = (knownModels: KnownModels, name: string, served: string[]) =>
  knownModels.whyAway(
    name,
    served.map((name) => modelOf(name)),
  );

describe("a model that is not served", () => {
  test("may be any, while none was ever served", () => {
    expect(away(new KnownModels(), "anything", [])).toMatchObject({ kind: "no_nodes", retryAfterMs: 5000 });
  });

  test("is away when it is in the catalogue", () => {
    expect(away(new KnownModels(new Set(["a"])), "a", ["m"])).toMatchObject({
      kind: "no_nodes",
      message: "No node serves the model `a` right now: try again soon.",
    });
  });

  test("is away when it was served before", () => {
    const known = new KnownModels(new Set());
    known.see([modelOf("mine"), modelOf("m")]);
    expect(away(known, "mine", ["m"])).toMatchObject({ kind: "no_nodes" });
    expect(away(known, "mine", [])).toMatchObject({ kind: "no_nodes" });
  });

  test("is unknown otherwise", () => {
    expect(away(new KnownModels(), "gpt-9", ["m"])).toBeUndefined();
  });

  test("is forgotten when thousands were seen after it", () => {
    const known = new KnownModels(new Set());
    known.see([modelOf("first")]);
    known.see(Array.from({ length: 10_000 }, (_, index) => modelOf(`m${index}`)));
    expect(away(known, "first", [])).toBeUndefined();
    expect(away(known, "m0", [])).toMatchObject({ kind: "no_nodes" });
  });
});

test.each([
  ["OpenAI's", 503, bearer, { error: { type: "server_error" } }],
  [
    "Anthropic's",
    529,
    { "x-api-key": testKey, "anthropic-version": "2023-06-01" },
    { type: "error", error: { type: "overloaded_error" } },
  ],
])("retrieving it fails in %s form, with %i and the time to wait", async (_, status, headers, body) => {
  const app = createTestApp({ listModels: async () => [] });
  for (const mount of ["/v1", "/api/v1"]) {
    const response = await app.inject({ url: `${mount}/models/llama3.1:8b`, headers });
    expect(response.statusCode).toBe(status);
    expect(response.headers["retry-after"]).toBe("5");
    expect(response.json()).toMatchObject(body);
  }
});
