import OpenAI7 from "openai";
import OpenAI6 from "openai-6";
import { beforeAll, describe, expect, test } from "vitest";
import { shapes } from "../support/mesh.ts";
import { type SharedMesh, sharedMesh } from "../support/shared-mesh.ts";

/** How the starter model writes a conversation; a raw prompt has to write it by itself. */
const chat = "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n";

describe.each(shapes)("text completions at a mesh %s, with the starter model", (shape) => {
  let mesh: SharedMesh;
  beforeAll(async () => {
    mesh = await sharedMesh(shape);
  });

  describe.each([
    { major: 6, OpenAI: OpenAI6 as unknown as typeof OpenAI7 },
    { major: 7, OpenAI: OpenAI7 },
  ])("with the openai SDK, major $major", ({ OpenAI }) => {
    const complete = (more: Partial<OpenAI7.CompletionCreateParamsNonStreaming> = {}) =>
      connect().completions.create({
        model: mesh.model,
        prompt: chat,
        max_tokens: 40,
        temperature: 0,
        ...more,
      });
    const connect = () => new OpenAI({ apiKey: mesh.apiKey, baseURL: `${mesh.url}/v1`, maxRetries: 0 });

    test("goes on from a prompt as it stands, at once and streamed", async () => {
      const whole = await complete();
      expect(whole.object).toBe("text_completion");
      expect(whole.choices[0]).toMatchObject({ index: 0, logprobs: null, finish_reason: "stop" });
      expect(whole.choices[0]?.text).toContain("Paris");
      const stream = await connect().completions.create({
        model: mesh.model,
        prompt: chat,
        max_tokens: 40,
        temperature: 0,
        stream: true,
        stream_options: { include_usage: true },
      });
      let text = "";
      let usage: OpenAI7.CompletionUsage | null | undefined;
      for await (const chunk of stream) {
        text += chunk.choices[0]?.text ?? "";
        usage = chunk.usage;
      }
      expect(text).toBe(whole.choices[0]?.text);
      expect(usage?.total_tokens).toBe(whole.usage?.total_tokens);
    });

    test("counts a plain text without a template around it", async () => {
      const { usage, choices } = await complete({ prompt: "Paris", max_tokens: 2, echo: true });
      expect(usage?.prompt_tokens).toBeLessThan(5);
      expect(usage?.completion_tokens).toBeLessThanOrEqual(2);
      expect(choices[0]?.text).toMatch(/^Paris/);
    });

    test("answers each of several prompts, n times", async () => {
      const { choices } = await complete({
        prompt: ["One, two,", chat],
        n: 2,
        temperature: 1,
        seed: 4,
        max_tokens: 8,
      });
      expect(choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    });

    test("tells how likely each token was, and where it stands", async () => {
      const { choices } = await complete({ logprobs: 3 });
      const { text, logprobs } = choices[0]!;
      const { tokens, text_offset, token_logprobs, top_logprobs } = logprobs!;
      expect(tokens?.join("")).toBe(text);
      expect(text_offset).toEqual(tokens?.map((_, index) => tokens.slice(0, index).join("").length));
      expect(token_logprobs?.every((logprob) => logprob <= 0)).toBe(true);
      for (const [index, top] of top_logprobs!.entries()) {
        expect(Object.keys(top).length).toBeGreaterThanOrEqual(3);
        expect(top[tokens![index]!]).toBe(token_logprobs![index]);
      }
    });

    test("stops at a stop text", async () => {
      const { choices } = await complete({ stop: "Paris" });
      expect(choices[0]).toMatchObject({ finish_reason: "stop", text: expect.not.stringContaining("Paris") });
    });

    test("takes tokens of the model, and refuses those that it does not have", async () => {
      const { usage } = await complete({ prompt: [10, 11, 12], max_tokens: 1 });
      expect(usage?.prompt_tokens).toBe(3);
      await expect(complete({ prompt: [4_000_000_000] })).rejects.toMatchObject({
        status: 400,
        param: "prompt",
      });
    });

    test("gets each fault by its parameter", async () => {
      await expect(complete({ suffix: "The end." })).rejects.toMatchObject({ status: 400, param: "suffix" });
      await expect(complete({ model: "none" })).rejects.toMatchObject({
        status: 404,
        code: "model_not_found",
      });
      await expect(complete({ prompt: "word ".repeat(20_000) })).rejects.toMatchObject({
        status: 400,
        code: "context_length_exceeded",
        param: "prompt",
      });
    });

    test("leaves in the middle, and the mesh ends the generation", async () => {
      const stream = await connect().completions.create({
        model: mesh.model,
        prompt: chat.replace("What is the capital of France?", "Count from 1 to 100."),
        max_tokens: 1000,
        stream: true,
      });
      let id = "";
      for await (const chunk of stream) {
        id = chunk.id;
        stream.controller.abort();
      }
      const line = await mesh.logged(({ generation_id }) => generation_id === id);
      expect(line).toMatchObject({ outcome: "cancelled" });
    });
  });
});
