import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { shapes } from "../../support/mesh.ts";
import { coverage } from "./coverage.ts";
import { fillIn, type GoldenExchange, readGoldenCases, writeAnswers } from "./golden-case.ts";
import { type Meshes, startMeshes } from "./meshes.ts";
import { agreeOnVectors, normaliseAnswer } from "./normalise.ts";
import { findUndescribed } from "./own-description.ts";
import { findSchemaFaults } from "./published-schema.ts";
import type { Endpoint } from "./troubled-mesh.ts";

// What the HTTP surfaces answer, byte for byte, in the files under test/golden; and each answer checked against what
// `/openapi.json` says of it and, where it is OpenAI's, against OpenAI's own schemas. To write them anew, from a mesh in
// one process: `GOLDEN=write npx vitest run test/e2e/golden-answers`. `git diff` then shows what has changed.

const cases = readGoldenCases(["chat", "completions", "embeddings", "responses", "messages", "catalogue"]);
const isWriting = process.env.GOLDEN === "write";

test("every class of answer and of fault in the table of test/golden/README.md has its files, and every file is in it", () => {
  const classes = coverage();
  expect(classes.length).toBeGreaterThan(40);
  const names = cases.map(({ name }) => name);
  const covered = new Set<string>();
  for (const { title, patterns } of classes) {
    for (const pattern of patterns) {
      const matches = names.filter((name) => pattern.test(name));
      expect(matches, `${title}: ${pattern}`).not.toEqual([]);
      for (const name of matches) covered.add(name);
    }
  }
  expect(names.filter((name) => !covered.has(name))).toEqual([]);
});

test("OpenAI's schemas object to what is not as they say", () => {
  const chunk = { id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [] };
  expect(findSchemaFaults("/v1/chat/completions", 200, `data: ${JSON.stringify(chunk)}\n\n`)).toEqual([]);
  const wrong = { ...chunk, choices: [{ index: 0, delta: { role: "robot" }, finish_reason: null }] };
  expect(findSchemaFaults("/v1/chat/completions", 200, `data: ${JSON.stringify(wrong)}\n\n`)).toHaveLength(1);
  expect(findSchemaFaults("/v1/chat/completions", 400, '{"error":{"message":"m"}}')).toHaveLength(1);
  const event = { type: "response.output_text.delta", item_id: "m", output_index: 0, content_index: 0 };
  expect(findSchemaFaults("/v1/responses", 200, `data: ${JSON.stringify(event)}\n\n`)).toHaveLength(1);
});

test("this mesh's own description objects to what it does not describe", () => {
  const deleted = { id: "resp_1", object: "response", deleted: true };
  const find = (answer: object, status = 200) =>
    findUndescribed("DELETE", "/v1/responses/resp_1?a=b", status, JSON.stringify(answer));
  expect(find(deleted)).toEqual([]);
  expect(find({ ...deleted, more: 1 })).toHaveLength(1);
  expect(find(deleted, 418)).toEqual(["delete /responses/{id} 418 application/json is not described"]);
  expect(findUndescribed("POST", "/v1/messages", 200, 'event: x\ndata: {"type":"x"}\n\n')).not.toEqual([]);
});

test.each([
  { shown: "<numbers 0.10 0.36>", expected: "<numbers 0.11 0.36>", is: "<numbers 0.11 0.36>" },
  { shown: "<floats in base64 -0.83>", expected: "<floats in base64 -0.84>", is: "<floats in base64 -0.84>" },
  { shown: "<numbers 0.10 0.36>", expected: "<numbers 0.12 0.36>", is: "<numbers 0.10 0.36>" },
  { shown: "<numbers 0.10 0.36>", expected: "<numbers 0.10>", is: "<numbers 0.10 0.36>" },
  { shown: "<numbers 0.10>", expected: "<floats in base64 0.10>", is: "<numbers 0.10>" },
  {
    shown: "<numbers 0.01>,<numbers 0.50>",
    expected: "<numbers 0.00>,<numbers 0.40>",
    is: "<numbers 0.00>,<numbers 0.50>",
  },
])("$shown, where $expected is expected, is compared as $is", ({ shown, expected, is }) => {
  expect(agreeOnVectors(shown, expected)).toBe(is);
});

describe.each(isWriting ? shapes.slice(0, 1) : shapes)("a mesh %s answers", (shape) => {
  let meshes: Meshes;
  beforeAll(async () => {
    meshes = await startMeshes(shape);
  });
  afterAll(() => meshes?.stop());

  test.concurrent.each(cases)("$name: $title", async (golden) => {
    const mesh = meshes.of(golden);
    const bodies: string[] = [];
    const answers: string[] = [];
    for (const exchange of golden.exchanges) {
      const response = await send(exchange, mesh, bodies);
      const body = await response.text();
      expect(findSchemaFaults(exchange.target, response.status, body)).toEqual([]);
      expect(findUndescribed(exchange.method, exchange.target, response.status, body)).toEqual([]);
      bodies.push(body);
      answers.push(agreeOnVectors(normaliseAnswer(response, body), exchange.answer));
    }
    if (isWriting) writeAnswers(golden, answers);
    else expect(answers).toEqual(golden.exchanges.map(({ answer }) => answer));
  });
});

function send(
  { method, target, headers, body }: GoldenExchange,
  mesh: Endpoint,
  earlier: readonly string[],
): Promise<Response> {
  const sent = Object.entries(headers).map(([name, value]) => [name, value.replace("<key>", mesh.apiKey)]);
  return fetch(`${mesh.url}${fillIn(target, earlier)}`, {
    method,
    headers: Object.fromEntries(sent),
    ...(body === undefined ? {} : { body: fillIn(body, earlier) }),
  });
}
