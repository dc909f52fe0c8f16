import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Mesh, shapes, startMesh } from "../../support/mesh.ts";
import { type GoldenCase, readGoldenCases, writeAnswer } from "./golden-case.ts";
import { normaliseAnswer } from "./normalise.ts";
import { findSchemaFaults } from "./published-schema.ts";

// What the OpenAI surface answers, byte for byte, in the files under test/golden; and each answer checked against
// OpenAI's own schemas. To write them anew, from a mesh in
// one process: `GOLDEN=write npx vitest run test/e2e/golden-answers`. `git diff` then shows what has changed.

const cases = readGoldenCases("chat");
const isWriting = process.env.GOLDEN === "write";

test("there are golden files for answers, for models and for faults of every kind", () => {
  const folders = new Set(cases.map(({ name }) => name.slice(0, name.lastIndexOf("/"))));
  expect([...folders].sort()).toEqual([
    "answers",
    "faults/http",
    "faults/mesh",
    "faults/parameters",
    "models",
  ]);
  expect(cases.length).toBeGreaterThan(60);
});

test("OpenAI's schemas object to what is not as they say", () => {
  const chunk = { id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [] };
  expect(findSchemaFaults("/v1/chat/completions", 200, `data: ${JSON.stringify(chunk)}\n\n`)).toEqual([]);
  const wrong = { ...chunk, choices: [{ index: 0, delta: { role: "robot" }, finish_reason: null }] };
  expect(findSchemaFaults("/v1/chat/completions", 200, `data: ${JSON.stringify(wrong)}\n\n`)).toHaveLength(1);
  expect(findSchemaFaults("/v1/chat/completions", 400, '{"error":{"message":"m"}}')).toHaveLength(1);
});

describe.each(isWriting ? shapes.slice(0, 1) : shapes)("a mesh %s answers", (shape) => {
  const meshes = new Map<string, Mesh>();
  beforeAll(async () => {
    meshes.set("starter", await startMesh(shape));
    // It makes its text up, and fails as it is told to.
    const engine = ["--engine", "synthetic", "--tokens-per-second", "200"];
    meshes.set("synthetic", await startMesh(shape, { engine }));
  }, 90_000);
  afterAll(async () => {
    for (const mesh of meshes.values()) await mesh.stop();
  });

  test.each(cases)("$name: $title", async (golden) => {
    const mesh = meshes.get(golden.body?.includes('"model":"synthetic"') ? "synthetic" : "starter")!;
    const response = await send(golden, mesh);
    const body = await response.text();
    expect(findSchemaFaults(golden.target, response.status, body)).toEqual([]);
    const answer = normaliseAnswer(response, body);
    if (isWriting) writeAnswer(golden, answer);
    else expect(answer).toBe(golden.answer);
  });
});

function send({ method, target, headers, body }: GoldenCase, mesh: Mesh): Promise<Response> {
  const sent = Object.entries(headers).map(([name, value]) => [name, value.replace("<key>", mesh.apiKey)]);
  return fetch(`${mesh.url}${target}`, {
    method,
    headers: Object.fromEntries(sent),
    ...(body === undefined ? {} : { body }),
  });
}
