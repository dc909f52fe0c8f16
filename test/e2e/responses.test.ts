import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import OpenAI7 from "openai";
import { zodResponsesFunction, zodTextFormat } from "openai/helpers/zod";
import OpenAI6 from "openai-6";
import { zodTextFormat as zodTextFormat6 } from "openai-6/helpers/zod";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { shapes } from "../support/mesh.ts";
import { root } from "../support/program.ts";
import { type SharedMesh, sharedMesh } from "../support/shared-mesh.ts";

type Client = OpenAI7;
type Event = OpenAI7.Responses.ResponseStreamEvent;
type InputItem = OpenAI7.Responses.ResponseInputItem;

const question = "What is the capital of France?";
const weather: OpenAI7.Responses.FunctionTool = {
  type: "function",
  name: "get_weather",
  description: "The weather in a city",
  strict: true,
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
};
const City = z.object({ name: z.string(), country: z.string(), inhabitants: z.number() });

const collect = async (stream: AsyncIterable<Event>): Promise<Event[]> => {
  const events: Event[] = [];
  for await (const event of stream) events.push(event);
  return events;
};

describe.each(shapes)("the Responses API of a mesh %s, with the starter model", (shape) => {
  let mesh: SharedMesh;
  beforeAll(async () => {
    mesh = await sharedMesh(shape);
  });

  describe.each([
    {
      major: 6,
      OpenAI: OpenAI6 as unknown as typeof OpenAI7,
      textFormat: zodTextFormat6 as typeof zodTextFormat,
    },
    { major: 7, OpenAI: OpenAI7, textFormat: zodTextFormat },
  ])("with the openai SDK, major $major", ({ OpenAI, textFormat }) => {
    const connect = (): Client =>
      new OpenAI({ apiKey: mesh.apiKey, baseURL: `${mesh.url}/v1`, maxRetries: 0 });
    const greedy = () => ({ model: mesh.model, temperature: 0 });

    test("answers at once, and with the same text as a stream", async () => {
      const client = connect();
      const whole = await client.responses.create({ ...greedy(), input: question });
      expect(whole).toMatchObject({ object: "response", status: "completed", error: null });
      expect(whole.output_text).toContain("Paris");
      expect(whole.usage?.total_tokens).toBe(whole.usage!.input_tokens + whole.usage!.output_tokens);

      const events = await collect(
        await client.responses.create({ ...greedy(), input: question, stream: true }),
      );
      expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
      const types = events.map(({ type }) => type);
      expect(types.filter((type, index) => type !== types[index - 1])).toEqual([
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
      ]);
      const text = events.map((event) => (event.type === "response.output_text.delta" ? event.delta : ""));
      expect(text.join("")).toBe(whole.output_text);
    });

    test("accumulates a stream to the response that is stored", async () => {
      const client = connect();
      const stream = client.responses.stream({ ...greedy(), input: question });
      let snapshot = "";
      stream.on("response.output_text.delta", (event) => {
        snapshot = event.snapshot;
      });
      const final = await stream.finalResponse();
      expect(snapshot).toBe(final.output_text);
      const stored = await client.responses.retrieve(final.id);
      expect(stored.output_text).toBe(final.output_text);
      expect(stored.usage).toEqual(final.usage);
    });

    test("follows instructions of this request alone, and continues a conversation", async () => {
      const client = connect();
      const first = await client.responses.create({
        ...greedy(),
        instructions: "You are a helpful assistant.",
        input: "My name is Anna.",
      });
      const second = await client.responses.create({
        ...greedy(),
        input: "What is my name?",
        previous_response_id: first.id,
      });
      expect(second.previous_response_id).toBe(first.id);
      expect(second.instructions).toBeNull();
      expect(second.output_text).toContain("Anna");
      const items: string[] = [];
      for await (const item of client.responses.inputItems.list(second.id, { order: "asc", limit: 1 }))
        if (item.type === "message") items.push(item.role);
      expect(items).toEqual(["user", "assistant", "user"]);
    });

    test("parses what a schema forces", async () => {
      const parsed = await connect().responses.parse({
        ...greedy(),
        input: "Describe Paris as JSON.",
        text: { format: textFormat(City, "city") },
      });
      expect(City.parse(parsed.output_parsed)).toEqual(parsed.output_parsed);
    });

    test("streams what a schema forces", async () => {
      const stream = connect().responses.stream({
        ...greedy(),
        input: "Describe Oslo as JSON.",
        text: { format: textFormat(City, "city") },
      });
      const { output_parsed: parsed } = await stream.finalResponse();
      expect(City.parse(parsed)).toEqual(parsed);
    });

    test("runs a tool loop through stored responses", async () => {
      const client = connect();
      const first = await client.responses.create({
        ...greedy(),
        input: "What is the weather in Oslo?",
        tools: [weather],
        tool_choice: { type: "function", name: "get_weather" },
      });
      const call = first.output.find((item) => item.type === "function_call");
      if (call === undefined) throw new Error("No function was called.");
      expect(call).toMatchObject({ name: "get_weather", status: "completed" });
      expect(typeof JSON.parse(call.arguments).city).toBe("string");
      const second = await client.responses.create({
        ...greedy(),
        previous_response_id: first.id,
        input: [{ type: "function_call_output", call_id: call.call_id, output: "Sunny, 21 degrees" }],
        tools: [weather],
        tool_choice: "none",
      });
      expect(second.status).toBe("completed");
      expect(second.output_text).not.toBe("");
      expect(second.output.every(({ type }) => type === "message")).toBe(true);
    });

    test("runs a tool loop of streams that keeps the conversation itself", async () => {
      const client = connect();
      const input: InputItem[] = [{ role: "user", content: "What is the weather in Oslo?" }];
      const ask = (choice: "required" | "none") =>
        client.responses.stream({
          ...greedy(),
          input,
          tools: [weather],
          tool_choice: choice,
          store: false,
        });
      const first = await ask("required").finalResponse();
      input.push(...(first.output as InputItem[]));
      for (const item of first.output)
        if (item.type === "function_call")
          input.push({ type: "function_call_output", call_id: item.call_id, output: "Sunny" });
      expect(input.length).toBeGreaterThan(2);
      const second = await ask("none").finalResponse();
      expect(second.output_text).not.toBe("");
      await expect(client.responses.retrieve(second.id)).rejects.toMatchObject({ status: 404 });
    });

    test("ends as incomplete at the limit of tokens", async () => {
      const request = { ...greedy(), input: "Count from 1 to 100.", max_output_tokens: 5 };
      const whole = await connect().responses.create(request);
      expect(whole).toMatchObject({
        status: "incomplete",
        incomplete_details: { reason: "max_output_tokens" },
        usage: { output_tokens: 5 },
      });
      const events = await collect(await connect().responses.create({ ...request, stream: true }));
      expect(events.at(-1)).toMatchObject({
        type: "response.incomplete",
        response: { status: "incomplete", output: [{ status: "incomplete" }] },
      });
    });

    test("gives log probabilities that spell the text", async () => {
      const response = await connect().responses.create({
        ...greedy(),
        input: question,
        max_output_tokens: 5,
        include: ["message.output_text.logprobs"],
        top_logprobs: 2,
      });
      const part = response.output[0]?.type === "message" ? response.output[0].content[0] : undefined;
      if (part?.type !== "output_text") throw new Error("No text came.");
      expect(part.logprobs?.map(({ token }) => token).join("")).toBe(part.text);
      expect(part.logprobs?.every(({ top_logprobs: top }) => top.length === 2)).toBe(true);
    });

    test("cancels the generation when its client leaves", async () => {
      const stream = await connect().responses.create({
        model: mesh.model,
        input: "Count from 1 to 1000.",
        max_output_tokens: 1000,
        stream: true,
      });
      let id = "";
      let deltas = 0;
      for await (const event of stream) {
        if (event.type === "response.created") id = event.response.id;
        if (event.type === "response.output_text.delta" && ++deltas === 3) stream.controller.abort();
      }
      await mesh.logged((line) => line.generation_id === id && line.outcome === "cancelled");
    });

    test("deletes what was stored", async () => {
      const client = connect();
      const { id } = await client.responses.create({ ...greedy(), input: question, max_output_tokens: 1 });
      await client.responses.delete(id);
      await expect(client.responses.retrieve(id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
      await expect(client.responses.delete(id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
      await expect(
        client.responses.create({ ...greedy(), input: "Go on.", previous_response_id: id }),
      ).rejects.toMatchObject({
        status: 400,
        code: "previous_response_not_found",
        param: "previous_response_id",
      });
    });

    test("gets each fault as its own class", async () => {
      const client = connect();
      const ask = (body: object) =>
        client.responses.create({ model: mesh.model, input: question, ...body } as never);
      await expect(ask({ model: "none" })).rejects.toMatchObject({ status: 404, code: "model_not_found" });
      await expect(ask({ temperature: "hot" })).rejects.toBeInstanceOf(OpenAI.BadRequestError);
      await expect(ask({ tools: [{ type: "web_search" }] })).rejects.toMatchObject({
        status: 400,
        code: "unsupported_value",
        param: "tools[0].type",
      });
      await expect(ask({ background: true })).rejects.toMatchObject({ status: 400, param: "background" });
      await expect(ask({ input: "word ".repeat(50_000) })).rejects.toMatchObject({
        status: 400,
        code: "context_length_exceeded",
        param: "input",
      });
      const stranger = client.withOptions({ apiKey: "sk-wrong-key-1234567890" });
      await expect(stranger.responses.retrieve("resp_1")).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    });
  });

  test("parses the arguments of a strict function", async () => {
    const client = new OpenAI7({ apiKey: mesh.apiKey, baseURL: `${mesh.url}/api/v1`, maxRetries: 0 });
    const parameters = z.object({ city: z.string(), unit: z.enum(["celsius", "fahrenheit"]) });
    const response = await client.responses.parse({
      model: mesh.model,
      temperature: 0,
      input: "What is the weather in Oslo?",
      tools: [zodResponsesFunction({ name: "get_weather", parameters })],
      tool_choice: "required",
    });
    const call = response.output.find((item) => item.type === "function_call");
    expect(parameters.parse(call?.parsed_arguments)).toEqual(call?.parsed_arguments);
  });

  test("does what docs/responses.md shows", async () => {
    const page = await readFile(join(root, "docs/responses.md"), "utf8");
    const example = /```js\n(.*?)```/s.exec(page)![1]!.replace("http://127.0.0.1:8080", mesh.url);
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--input-type=module", "--eval", example],
      {
        cwd: root,
        env: { CXMPUTE_API_KEY: mesh.apiKey },
      },
    );
    expect(stdout).toContain("Anna");
  });

  test("leaves out the oldest turns where that is allowed and all of them do not fit", async () => {
    const client = new OpenAI7({ apiKey: mesh.apiKey, baseURL: `${mesh.url}/v1`, maxRetries: 0 });
    const response = await client.responses.create({
      model: mesh.model,
      temperature: 0,
      truncation: "auto",
      max_output_tokens: 16,
      input: [
        { role: "user", content: "word ".repeat(50_000) },
        { role: "assistant", content: "That is a lot of words." },
        { role: "user", content: question },
      ],
    });
    expect(response.output_text).toContain("Paris");
  });
});
