import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import {
  APICallError,
  generateObject,
  generateText,
  isStepCount,
  NoObjectGeneratedError,
  Output,
  streamObject,
  streamText,
  tool,
} from "ai";
import { expect, test } from "vitest";
import { z } from "zod";
import { capital, describeMeshes, longTask, weather } from "./asking.ts";

/** Strings are bounded, because a small model does not always find the end of one. */
const city = z.object({
  name: z.string().max(30),
  country: z.enum(["France", "Norway"]),
  districts: z.array(z.number().int().min(1).max(20)).max(3),
  mayor: z.string().max(30).nullable(),
});

describeMeshes("the AI SDK", (mesh) => {
  const provider = (settings: { apiKey?: string; url?: string } = {}) =>
    createOpenAICompatible({
      name: "cxmpute",
      apiKey: settings.apiKey ?? mesh().apiKey,
      baseURL: `${mesh().url}/v1`,
      headers: { "X-User-Id": mesh().userId },
      includeUsage: true,
      supportsStructuredOutputs: true,
    });
  const model = (name = mesh().model) => provider()(name);

  test("generates text, and tells its usage and where it came from", async () => {
    const { text, usage, finishReason, response, warnings } = await generateText({
      model: model(),
      prompt: capital,
      temperature: 0,
    });
    expect(text).toContain("Paris");
    expect(finishReason).toBe("stop");
    expect(usage.inputTokens).toBeGreaterThan(0);
    expect(usage.outputTokens).toBeGreaterThan(0);
    expect(usage.totalTokens).toBe(usage.inputTokens! + usage.outputTokens!);
    expect(response.id).toMatch(/^chatcmpl-/);
    expect(response.headers?.["x-request-id"]).toMatch(/\S/);
    expect(warnings ?? []).toEqual([]);
  });

  test("streams the same text piece by piece", async () => {
    const settings = { model: model(), prompt: capital, temperature: 0 };
    const { text: whole } = await generateText(settings);
    const stream = streamText(settings);
    const pieces: string[] = [];
    for await (const piece of stream.textStream) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join("")).toBe(whole);
    expect(await stream.finishReason).toBe("stop");
    expect((await stream.usage).outputTokens).toBeGreaterThan(0);
  });

  test("takes all settings that it can send", async () => {
    const { text, finishReason, warnings } = await generateText({
      model: model(),
      instructions: "You are brief.",
      prompt: longTask,
      maxOutputTokens: 4,
      temperature: 1,
      topP: 0.9,
      topK: 20,
      presencePenalty: 0.1,
      frequencyPenalty: 0.1,
      stopSequences: ["###"],
      seed: 7,
      providerOptions: { cxmpute: { user: "somebody", reasoningEffort: "low", min_p: 0.01 } },
    });
    expect(text.length).toBeGreaterThan(0);
    expect(finishReason).toBe("length");
    // The provider itself does not send `topK`, and says so.
    expect(warnings?.map((warning) => "feature" in warning && warning.feature)).toEqual(["topK"]);
  });

  test("generates an object that its schema accepts", async () => {
    const { object } = await generateObject({ model: model(), schema: city, prompt: "Describe a city." });
    expect(city.parse(object)).toEqual(object);
    const { output } = await generateText({
      model: model(),
      output: Output.object({ schema: city }),
      prompt: "Describe a city.",
    });
    expect(city.parse(output)).toEqual(output);
  });

  test("generates arrays, choices, and objects without a schema", async () => {
    const item = z.object({ word: z.string().max(20), rank: z.number().int().min(1).max(9) });
    const { output: list } = await generateText({
      model: model(),
      output: Output.array({ element: item }),
      prompt: "List two words.",
      temperature: 0,
    });
    expect(z.array(item).parse(list)).toEqual(list);
    const { output: choice } = await generateText({
      model: model(),
      output: Output.choice({ options: ["sunny", "rainy"] }),
      prompt: "How is the weather?",
    });
    expect(["sunny", "rainy"]).toContain(choice);
    const { output: any } = await generateText({
      model: model(),
      output: Output.json(),
      prompt: "Give me JSON.",
      temperature: 0,
    });
    expect(any).toBeTypeOf("object");
  });

  test("streams an object that grows into what its schema accepts", async () => {
    const stream = streamObject({ model: model(), schema: city, prompt: "Describe a city." });
    let partials = 0;
    for await (const _ of stream.partialObjectStream) partials++;
    expect(partials).toBeGreaterThan(1);
    expect(city.parse(await stream.object)).toEqual(await stream.object);
  });

  test("says that there is no object when the answer was cut short", async () => {
    const cut = generateObject({
      model: model(),
      schema: city,
      prompt: "Describe a city.",
      maxOutputTokens: 2,
    });
    await expect(cut).rejects.toSatisfy(NoObjectGeneratedError.isInstance);
    await expect(cut).rejects.toMatchObject({ finishReason: "length" });
  });

  const tools = () => {
    const asked: string[] = [];
    const get_weather = tool({
      description: "The weather in a city.",
      inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => {
        asked.push(city);
        return { sky: "clear", degrees: 21 };
      },
    });
    return { asked, tools: { get_weather } };
  };

  test("runs a loop of tools: a call, its result, an answer", async () => {
    const { asked, tools: set } = tools();
    const { steps, text } = await generateText({
      model: model(),
      tools: set,
      stopWhen: isStepCount(4),
      prompt: weather,
      temperature: 0,
    });
    expect(asked).toEqual(["Oslo"]);
    expect(steps.map(({ finishReason }) => finishReason)).toEqual(["tool-calls", "stop"]);
    expect(text.length).toBeGreaterThan(0);
  });

  test("runs the same loop over streams", async () => {
    const { asked, tools: set } = tools();
    const stream = streamText({
      model: model(),
      tools: set,
      stopWhen: isStepCount(4),
      prompt: weather,
      temperature: 0,
    });
    const types = new Set<string>();
    for await (const { type } of stream.fullStream) types.add(type);
    expect([...types]).toEqual(
      expect.arrayContaining([
        "tool-input-start",
        "tool-input-delta",
        "tool-call",
        "tool-result",
        "text-delta",
      ]),
    );
    expect(types).not.toContain("error");
    expect(asked).toEqual(["Oslo"]);
  });

  test.each([
    { toolChoice: "required" as const, calls: 1 },
    { toolChoice: { type: "tool" as const, toolName: "get_weather" as const }, calls: 1 },
    { toolChoice: "none" as const, calls: 0 },
  ])("obeys the tool choice $toolChoice", async ({ toolChoice, calls }) => {
    const { toolCalls, finishReason } = await generateText({
      model: model(),
      tools: tools().tools,
      toolChoice,
      prompt: weather,
      temperature: 0,
      maxOutputTokens: 100,
    });
    expect(toolCalls.length).toBe(calls);
    expect(finishReason === "tool-calls").toBe(calls > 0);
  });

  test("leaves a stream when it is aborted", async () => {
    const leaving = new AbortController();
    const stream = streamText({ model: model(), prompt: longTask, abortSignal: leaving.signal });
    const types: string[] = [];
    for await (const { type } of stream.fullStream) {
      types.push(type);
      if (type === "text-delta") leaving.abort();
    }
    expect(types.at(-1)).toBe("abort");
    expect(types).not.toContain("error");
  });

  test.each([
    { fault: "an unknown model", status: 404, code: "model_not_found", more: {}, name: "none" },
    { fault: "a wrong value", status: 400, code: "decimal_above_max_value", more: { temperature: 3 } },
    { fault: "a wrong key", status: 401, code: "invalid_api_key", more: {}, apiKey: "sk-wrong-0123456789" },
  ])("throws its own error at once for $fault", async ({ status, code, more, name, apiKey }) => {
    const failing = generateText({
      model: provider(apiKey === undefined ? {} : { apiKey })(name ?? mesh().model),
      prompt: capital,
      ...more,
    });
    await expect(failing).rejects.toSatisfy(APICallError.isInstance);
    await expect(failing).rejects.toMatchObject({
      statusCode: status,
      isRetryable: false,
      data: { error: { code, type: "invalid_request_error" } },
    });
  });
});
