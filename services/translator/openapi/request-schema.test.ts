import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { question } from "../../../test/support/translator/translator.ts";
import { messagesRequestSchema } from "../anthropic/request/schema.ts";
import { chatRequestSchema } from "../chat/request/schema.ts";
import { completionRequestSchema } from "../completions/request.ts";
import { parseEmbeddingsRequest } from "../embeddings/route.ts";
import { responseRequestSchema } from "../responses/request/schema.ts";
import { toDocument } from "./document.ts";

const document = toDocument();

describe("the request that is described is the one that is checked", () => {
  const requestOf = (name: string) => {
    const schema = document.components.schemas[name]!;
    return { schema, properties: schema.properties as Record<string, Record<string, unknown>> };
  };

  test("types, bounds, defaults and required parameters are described", () => {
    const { schema, properties } = requestOf("ChatCompletionRequest");
    expect(schema.required).toEqual(["model", "messages"]);
    expect(properties.temperature).toMatchObject({
      anyOf: [{ type: "number", minimum: 0, maximum: 2 }, { type: "null" }],
      default: 0.7,
    });
    expect(properties.n).toMatchObject({
      anyOf: [{ type: "integer", minimum: 1, maximum: 8 }, { type: "null" }],
    });
  });

  test.each(Object.keys(document.components.schemas).filter((name) => name.endsWith("Request")))(
    "every parameter of a %s is described, in a sentence",
    (name) => {
      const entries = Object.entries(requestOf(name).properties);
      expect(entries.length).toBeGreaterThan(2);
      for (const [parameter, { description }] of entries)
        expect([parameter, description]).toEqual([parameter, expect.stringMatching(/^[A-Z].*\.$/)]);
    },
  );

  test.each([
    { name: "ChatCompletionRequest", checked: chatRequestSchema, body: question() },
    { name: "CompletionRequest", checked: completionRequestSchema, body: { model: "m", prompt: "hi" } },
    { name: "MessagesRequest", checked: messagesRequestSchema, body: question({ max_tokens: 8 }) },
    { name: "ResponseRequest", checked: responseRequestSchema, body: { model: "m", input: "hi" } },
  ])("a $name is right by the description just when the service takes it", ({ name, checked, body }) => {
    const { schema, properties } = requestOf(name);
    const isDescribed = new Ajv2020({ strict: false }).compile(schema);
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.double({ min: -3, max: 3, noNaN: true }),
      fc.integer({ min: -2, max: 10 }),
      fc.constantFrom<unknown>("auto", "none", "low", "json", { type: "text" }, { type: "auto" }),
      fc.array(fc.constantFrom("a", "", "text"), { maxLength: 5 }),
      fc.constantFrom<unknown>([{ type: "function", function: { name: "f" } }], [{ name: "f" }]),
    );
    const outcomes = new Set<boolean>();
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(properties)), value, (parameter, given) => {
        const sent = JSON.parse(JSON.stringify({ ...body, [parameter]: given }));
        const isTaken = checked.safeParse(sent).success;
        outcomes.add(isTaken);
        expect([parameter, given, isDescribed(sent)]).toEqual([parameter, given, isTaken]);
      }),
      { numRuns: 2000 },
    );
    expect(outcomes.size).toBe(2);
  });

  test.each([
    "text",
    "",
    7,
    null,
    [],
    [1, 2],
    [1, -1],
    [1.5],
    ["a", "b"],
    ["a", ""],
    [[1], "a"],
    [[]],
    [["a"]],
  ])("an input of embeddings of %j is right by the description just when the service takes it", (input) => {
    const body = { model: "m", input };
    const isDescribed = new Ajv2020({ strict: false }).compile(requestOf("EmbeddingsRequest").schema);
    const isTaken = () => parseEmbeddingsRequest(body);
    if (isDescribed(body)) expect(isTaken).not.toThrow();
    else expect(isTaken).toThrow();
  });
});
