import OpenAI7 from "openai";
import OpenAI6 from "openai-6";
import { beforeAll, describe, expect, test } from "vitest";
import { shapes, startMesh } from "../support/mesh.ts";
import { type SharedMesh, sharedMesh } from "../support/shared-mesh.ts";

const dot = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, value, index) => sum + value * b[index]!, 0);

describe.each(shapes)("embeddings of a mesh %s, by the starter model", (shape) => {
  let mesh: SharedMesh;
  beforeAll(async () => {
    mesh = await sharedMesh(shape);
  });

  describe.each([
    { major: 6, OpenAI: OpenAI6 as unknown as typeof OpenAI7 },
    { major: 7, OpenAI: OpenAI7 },
  ])("with the openai SDK, major $major", ({ OpenAI }) => {
    const connect = () =>
      new OpenAI({
        apiKey: mesh.apiKey,
        baseURL: `${mesh.url}/v1`,
        defaultHeaders: { "X-User-Id": mesh.userId },
        maxRetries: 0,
      });

    test("are the same in both encodings, of length 1, and nearer to what is alike", async () => {
      const input = ["What is the capital of France?", "What is the capital of Italy?", "Write a poem."];
      // The SDK asks for base64 unless told otherwise, and decodes it.
      const { data, usage, model } = await connect().embeddings.create({ model: mesh.model, input });
      const plain = await connect().embeddings.create({
        model: mesh.model,
        input,
        encoding_format: "float",
      });
      expect(model).toBe(mesh.model);
      expect(data.map(({ index }) => index)).toEqual([0, 1, 2]);
      expect(usage.prompt_tokens).toBeGreaterThan(3);
      expect(usage.total_tokens).toBe(usage.prompt_tokens);
      const [france, italy, poem] = data.map(({ embedding }) => embedding);
      for (const [index, vector] of [france!, italy!, poem!].entries()) {
        expect(Math.hypot(...vector)).toBeCloseTo(1, 4);
        expect(dot(vector, plain.data[index]!.embedding)).toBeCloseTo(1, 4);
      }
      expect(dot(france!, italy!)).toBeGreaterThan(dot(france!, poem!));
    });

    test("can be shortened", async () => {
      const { data } = await connect().embeddings.create({
        model: mesh.model,
        input: "mesh",
        dimensions: 16,
      });
      expect(data[0]!.embedding).toHaveLength(16);
      expect(Math.hypot(...data[0]!.embedding)).toBeCloseTo(1, 4);
    });

    test("fail by the SDK's own classes", async () => {
      const client = connect();
      await expect(client.embeddings.create({ model: "nobody", input: "a" })).rejects.toBeInstanceOf(
        OpenAI.NotFoundError,
      );
      const tooLong = client.embeddings.create({ model: mesh.model, input: "word ".repeat(5000) });
      await expect(tooLong).rejects.toMatchObject({ status: 400, code: "context_length_exceeded" });
    });
  });

  test("of a whole batch come back complete", async () => {
    const client = new OpenAI7({ apiKey: mesh.apiKey, baseURL: `${mesh.url}/v1`, maxRetries: 0 });
    const input = Array.from({ length: 200 }, (_, index) => `Sentence number ${index}.`);
    const { data } = await client.embeddings.create({ model: mesh.model, input });
    expect(data.map(({ index }) => index)).toEqual(input.map((_, index) => index));
  });
});

test("a model that cannot embed is refused by name", async () => {
  const mesh = await startMesh("in one process", { engine: ["--engine", "synthetic"] });
  try {
    const client = new OpenAI7({ apiKey: mesh.apiKey, baseURL: `${mesh.url}/v1`, maxRetries: 0 });
    await expect(client.embeddings.create({ model: mesh.model, input: "a" })).rejects.toMatchObject({
      status: 400,
      code: "unsupported_value",
      param: "model",
      message: expect.stringContaining("compute embeddings"),
    });
  } finally {
    await mesh.stop();
  }
});
