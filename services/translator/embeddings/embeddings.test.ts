import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import {
  type Generation,
  type GenerationEvent,
  GenerationEventSchema,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  answering,
  bearer,
  createTestApp,
  finishedEvent,
  startedEvent,
} from "../../../test/support/translator/translator.ts";
import { parseEmbeddingsRequest } from "./route.ts";

const embedded = (index: number, values: number[]): GenerationEvent =>
  create(GenerationEventSchema, { event: { case: "embedded", value: { index, values } } });

const vectors = [embedded(0, [0.6, 0, 0.8]), embedded(1, [0, 1, 0])];
const answer = [startedEvent(), ...vectors, finishedEvent(1, { promptTokens: 7 })];

const post = async (body: unknown, generate = answering(answer)) => {
  const app = createTestApp({ generate });
  const response = await app.inject({
    method: "POST",
    url: "/v1/embeddings",
    headers: { ...bearer, "content-type": "application/json" },
    payload: JSON.stringify(body),
  });
  return { status: response.statusCode, body: response.json() };
};

describe("POST /v1/embeddings", () => {
  test("answers with one vector for each input, in OpenAI's shape", async () => {
    expect(await post({ model: "m", input: ["a", "b"] })).toEqual({
      status: 200,
      body: {
        object: "list",
        data: [
          { object: "embedding", index: 0, embedding: [0.6, 0, 0.8] },
          { object: "embedding", index: 1, embedding: [0, 1, 0] },
        ],
        model: "m",
        usage: { prompt_tokens: 7, total_tokens: 7 },
      },
    });
  });

  test("writes them as base64 of little-endian 32-bit floats when asked to", async () => {
    const { body } = await post({ model: "m", input: ["a", "b"], encoding_format: "base64" });
    const bytes = Buffer.from(body.data[0].embedding, "base64");
    const floats = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    expect([...floats]).toEqual([0.6, 0, 0.8].map(Math.fround));
  });

  test("shortens them to the dimensions that are wanted, of length 1 again", async () => {
    const { body } = await post({ model: "m", input: ["a", "b"], dimensions: 2 });
    expect(body.data.map(({ embedding }: { embedding: number[] }) => embedding)).toEqual([
      [1, 0],
      [0, 1],
    ]);
  });

  test("refuses more dimensions than the model has", async () => {
    const { status, body } = await post({ model: "m", input: ["a", "b"], dimensions: 4 });
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ param: "dimensions", code: "invalid_value" });
    expect(body.error.message).toContain("3 dimensions");
  });

  test("sends texts and tokens on as they came", () => {
    const inputsOf = (input: unknown) =>
      parseEmbeddingsRequest({ model: "m", input }).generation.embedding?.inputs.map(({ prompt }) =>
        prompt.case === "tokens" ? prompt.value.ids : prompt.value,
      );
    expect(inputsOf("a")).toEqual(["a"]);
    expect(inputsOf(["a", "b"])).toEqual(["a", "b"]);
    expect(inputsOf([1, 2])).toEqual([[1, 2]]);
    expect(inputsOf([[1, 2], [3], "c"])).toEqual([[1, 2], [3], "c"]);
  });

  test("names the caller and asks for nothing else", async () => {
    let asked: Generation | undefined;
    await post({ model: "m", input: "a" }, (generation, signal) => {
      asked = generation;
      return answering(answer)(generation, signal);
    });
    expect(asked).toMatchObject({ model: "m", messages: [], caller: { userId: "user-1" } });
    expect(asked?.id).toMatch(/^embd-/);
  });

  test.each([
    [{ input: "a" }, null, null],
    [{ model: "m" }, "input", "missing_required_parameter"],
    [{ model: "m", input: null }, "input", "missing_required_parameter"],
    [{ model: "m", input: "" }, "input", "empty_string"],
    [{ model: "m", input: [] }, "input", "empty_array"],
    [{ model: "m", input: ["a", ""] }, "input[1]", "empty_string"],
    [{ model: "m", input: ["a", 1] }, "input[1]", "invalid_type"],
    [{ model: "m", input: [[]] }, "input[0]", "empty_array"],
    [{ model: "m", input: [[1, "a"]] }, "input[0][1]", "invalid_type"],
    [{ model: "m", input: [1, -2] }, "input[1]", "invalid_value"],
    [{ model: "m", input: [1.5] }, "input[0]", "invalid_value"],
    [{ model: "m", input: {} }, "input", "invalid_type"],
    [{ model: "m", input: Array(2049).fill("a") }, "input", "array_above_max_length"],
    [{ model: "m", input: "a", encoding_format: "hex" }, "encoding_format", "invalid_value"],
    [{ model: "m", input: "a", dimensions: 0 }, "dimensions", "integer_below_min_value"],
    [{ model: "m", input: "a", dimensions: "3" }, "dimensions", "invalid_type"],
  ])("refuses %j", async (body, param, code) => {
    const { status, body: answered } = await post(body);
    expect(status).toBe(400);
    expect(answered.error).toMatchObject({ type: "invalid_request_error", param, code });
  });
});
