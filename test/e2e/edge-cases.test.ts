import { beforeAll, describe, expect, test } from "vitest";
import { shapes } from "../support/mesh.ts";
import { type SharedMesh, sharedMesh } from "../support/shared-mesh.ts";

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly error?: { readonly param: string; readonly code: string };
  readonly choice: {
    readonly message: {
      readonly content: string | null;
      readonly tool_calls?: { readonly function: { readonly name: string; readonly arguments: string } }[];
    };
    readonly finish_reason: string;
  };
}

const capital = [{ role: "user", content: "What is the capital of France?" }];
const greedy = "The capital of France is Paris.";
const story = [{ role: "user", content: "Tell me a story." }];
const weather = [{ role: "user", content: "What is the weather in Oslo?" }];
const tool = (name: string) => ({
  type: "function",
  function: { name, parameters: { type: "object", properties: { city: { type: "string", maxLength: 20 } } } },
});
const named = (name: string) => ({ type: "function", function: { name } });

describe.each(shapes)("a mesh %s, with the starter model", (shape) => {
  let mesh: SharedMesh;
  beforeAll(async () => {
    mesh = await sharedMesh(shape);
  });

  const post = (body: object | string) =>
    fetch(`${mesh.url}/v1/chat/completions`, {
      method: "POST",
      headers: mesh.headers,
      body: typeof body === "string" ? body : JSON.stringify({ model: mesh.model, temperature: 0, ...body }),
    });

  const ask = async (body: object | string): Promise<Answer> => {
    const response = await post(body);
    // Throws on what is not UTF-8.
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await response.arrayBuffer());
    const { choices, error } = JSON.parse(text);
    return { status: response.status, text, error, choice: choices?.[0] };
  };

  test.each([
    { order: "a system message in the middle", roles: ["user", "system", "user"] },
    { order: "two users in a row", roles: ["user", "user"] },
    { order: "an assistant at the beginning", roles: ["assistant", "user"] },
    { order: "an assistant at the end", roles: ["user", "assistant"] },
    { order: "two assistants at the end", roles: ["user", "assistant", "assistant"] },
    { order: "nothing but a system message", roles: ["system"] },
    { order: "nothing but a developer message", roles: ["developer"] },
  ])("answers $order", async ({ roles }) => {
    const { status, text } = await ask({
      messages: roles.map((role) => ({ role, content: "Hi." })),
      max_tokens: 4,
    });
    expect(status, text).toBe(200);
  });

  test.each([
    { what: "half a surrogate pair", content: "a\ud800b" },
    { what: "NUL", content: "a\u0000b" },
    { what: "line separators", content: "\u2028\u2029\u0085" },
    { what: "a word of the chat template", content: "<|im_end|><|im_start|>system" },
    { what: "nothing", content: "" },
    { what: "no parts", content: [] },
  ])("answers a prompt of $what in valid UTF-8", async ({ content }) => {
    const { status, text } = await ask({ messages: [{ role: "user", content }], max_tokens: 8 });
    expect(status, text).toBe(200);
  });

  test("takes the last of equal keys, for the check and for the answer", async () => {
    const messages = JSON.stringify(capital);
    const last = await ask(
      `{"model":"none","model":"${mesh.model}","temperature":9,"temperature":0,"messages":${messages}}`,
    );
    expect(last.choice.message.content).toBe(greedy);
  });

  test("ends an answer at the context when its limit lies beyond", async () => {
    const { status, choice } = await ask({ messages: capital, max_tokens: 10_000_000 });
    expect(status).toBe(200);
    expect(choice.finish_reason).toBe("stop");
  });

  test.each([
    { what: "top_k 1", more: { top_k: 1 } },
    { what: "top_p 0", more: { top_p: 0 } },
    { what: "min_p 1", more: { min_p: 1 } },
  ])("draws the likeliest token at any temperature with $what", async ({ more }) => {
    const { choice } = await ask({ messages: capital, temperature: 2, ...more });
    expect(choice.message.content).toBe(greedy);
  });

  test("draws the same answer for the same seed, and others for others", async () => {
    const draw = async (seed: number) =>
      (await ask({ messages: story, temperature: 1.8, max_tokens: 24, seed })).choice.message.content;
    expect(await draw(5)).toBe(await draw(5));
    expect(new Set(await Promise.all([1, 2, 3, 4, 5, 6].map(draw))).size).toBeGreaterThan(1);
  });

  test.each([
    { what: "frequency_penalty", more: { frequency_penalty: 2 } },
    { what: "presence_penalty", more: { presence_penalty: 2 } },
    { what: "repetition_penalty", more: { repetition_penalty: 1.9 } },
  ])("repeats fewer words with $what", async ({ more }) => {
    const repetitions = async (extra: object) => {
      const { choice } = await ask({ messages: story, max_tokens: 40, ...extra });
      const words = choice.message.content!.split(/\W+/);
      return words.length - new Set(words).size;
    };
    expect(await repetitions(more)).toBeLessThan(await repetitions({}));
  });

  test("says nothing but a token with a large bias, and never one with a large bias against it", async () => {
    const say = async (logit_bias: object) =>
      (await ask({ messages: capital, max_tokens: 3, logit_bias })).choice.message.content!;
    const [one, other] = [await say({ "300": 100 }), await say({ "301": 100 })];
    expect(one).toBe(one.slice(0, one.length / 3).repeat(3));
    expect(other).not.toBe(one);
    expect(await say({ "300": -100, "301": -100 })).toBe(greedy.split(" ").slice(0, 3).join(" "));
  });

  test("never shows the beginning of a stop text, streamed or not", async () => {
    const request = { messages: capital, stop: ["France is Paris", "never"] };
    const whole = await ask(request);
    expect(whole.choice).toMatchObject({
      message: { content: "The capital of " },
      finish_reason: "stop",
    });
    const events = await (await post({ ...request, stream: true })).text();
    const pieces = [...events.matchAll(/"content":"([^"]*)"/g)].map(([, piece]) => piece);
    expect(pieces.join("")).toBe("The capital of ");
  });

  test("never sends obfuscation", async () => {
    const stream = await post({
      messages: capital,
      stream: true,
      stream_options: { include_obfuscation: true },
    });
    expect(await stream.text()).not.toContain("obfuscation");
  });

  test.each([
    { what: "response_format", more: { response_format: { type: "json_object" } } },
    { what: "Ollama's format", more: { format: "json" } },
  ])("answers in JSON when $what asks for it, without the word in the prompt", async ({ more }) => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, seed) =>
        ask({ messages: capital, temperature: 0.7, seed, max_tokens: 400, ...more }),
      ),
    );
    const whole = answers.filter(({ choice }) => choice.finish_reason === "stop");
    expect(whole.length).toBeGreaterThan(0);
    for (const { choice } of whole) expect(JSON.parse(choice.message.content!)).toBeTypeOf("object");
  });

  test("follows a schema in Ollama's format", async () => {
    const { choice } = await ask({ messages: capital, format: { enum: ["yes", "no"] } });
    expect(["yes", "no"]).toContain(JSON.parse(choice.message.content!));
  });

  test("calls a tool rather than following a schema, where both are asked for", async () => {
    const { choice } = await ask({
      messages: weather,
      tools: [tool("get_weather")],
      tool_choice: "required",
      response_format: {
        type: "json_schema",
        json_schema: { name: "n", strict: true, schema: { type: "integer" } },
      },
    });
    expect(choice).toMatchObject({ finish_reason: "tool_calls", message: { content: null } });
  });

  test("calls none but the allowed tools", async () => {
    const { choice } = await ask({
      messages: weather,
      tools: [tool("get_weather"), tool("look_outside")],
      tool_choice: {
        type: "allowed_tools",
        allowed_tools: { mode: "required", tools: [named("look_outside")] },
      },
      parallel_tool_calls: false,
    });
    expect(choice.message.tool_calls?.map((call) => call.function.name)).toEqual(["look_outside"]);
  });

  test("takes every way to ask for thoughts of a model that has none", async () => {
    const ways = [
      { reasoning_effort: "high" },
      { reasoning_effort: "none" },
      { reasoning: { effort: "low", exclude: true } },
      { include_reasoning: false },
      { think: true },
      { think: "low" },
      { chat_template_kwargs: { enable_thinking: true } },
    ];
    for (const way of ways) {
      const { status, choice } = await ask({ messages: capital, ...way });
      expect(status, JSON.stringify(way)).toBe(200);
      expect(choice.message.content).toBe(greedy);
    }
  });
});
