import {
  type AIMessageChunk,
  type BaseMessage,
  HumanMessage,
  SystemMessage,
  ToolMessage,
  type UsageMetadata,
} from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { expect, test } from "vitest";
import { z } from "zod";
import { capital, describeMeshes, longTask, weather } from "./asking.ts";

type Settings = ConstructorParameters<typeof ChatOpenAI>[0];

/** Strings are bounded, because a small model does not always find the end of one. */
const person = z.object({
  name: z.string().max(30),
  age: z.number().int().min(0).max(120),
  mood: z.enum(["calm", "merry"]),
});

describeMeshes("LangChain", (mesh) => {
  const chat = (settings: Exclude<Settings, string> = {}) =>
    new ChatOpenAI({
      model: mesh().model,
      apiKey: mesh().apiKey,
      configuration: { baseURL: `${mesh().url}/v1`, defaultHeaders: { "X-User-Id": mesh().userId } },
      temperature: 0,
      maxRetries: 0,
      ...settings,
    });

  test("invokes, with turns of every kind", async () => {
    const answer = await chat().invoke([new SystemMessage("You are brief."), new HumanMessage(capital)]);
    expect(answer.text).toContain("Paris");
    expect(answer.response_metadata).toMatchObject({ finish_reason: "stop" });
    const usage = answer.usage_metadata as unknown as UsageMetadata;
    expect(usage.input_tokens).toBeGreaterThan(0);
    expect(usage.output_tokens).toBeGreaterThan(0);
    expect(usage.total_tokens).toBe(usage.input_tokens + usage.output_tokens);
  });

  test("streams the same text, and its usage at the end", async () => {
    const whole = await chat().invoke(capital);
    let gathered: AIMessageChunk | undefined;
    let chunks = 0;
    for await (const chunk of await chat({ streamUsage: true }).stream(capital)) {
      chunks++;
      gathered = gathered === undefined ? chunk : gathered.concat(chunk);
    }
    expect(chunks).toBeGreaterThan(2);
    expect(gathered?.text).toBe(whole.text);
    expect(gathered?.usage_metadata).toMatchObject({
      output_tokens: (whole.usage_metadata as unknown as UsageMetadata).output_tokens,
    });
    expect(gathered?.response_metadata.finish_reason).toBe("stop");
  });

  test("answers several prompts at once", async () => {
    const answers = await chat({ maxTokens: 8 }).batch([capital, weather, longTask]);
    expect(answers.map(({ text }) => text.length > 0)).toEqual([true, true, true]);
  });

  test.each(["jsonSchema", "functionCalling"] as const)("gives structured output by %s", async (method) => {
    const described = await chat({ temperature: 1 })
      .withStructuredOutput(person, { name: "person", method, strict: true })
      .invoke("Describe a person.");
    expect(person.parse(described)).toEqual(described);
  });

  test("gives structured output in JSON mode, as far as JSON goes", async () => {
    const { raw } = await chat()
      .withStructuredOutput(person, { method: "jsonMode", includeRaw: true })
      .invoke("Describe a person in JSON.");
    expect(JSON.parse(raw.text)).toBeTypeOf("object");
  });

  const getWeather = tool(async ({ city }: { city: string }) => `It is clear in ${city}.`, {
    name: "get_weather",
    description: "The weather in a city.",
    schema: z.object({ city: z.string() }),
  });

  test("runs a loop of tools: a call, its result, an answer", async () => {
    const agent = chat().bindTools([getWeather]);
    const turns: BaseMessage[] = [new HumanMessage(weather)];
    const asking = await agent.invoke(turns);
    turns.push(asking);
    expect(asking.tool_calls).toEqual([
      { type: "tool_call", id: expect.stringMatching(/./), name: "get_weather", args: { city: "Oslo" } },
    ]);
    for (const call of asking.tool_calls ?? []) turns.push((await getWeather.invoke(call)) as ToolMessage);
    expect(turns.at(-1)).toBeInstanceOf(ToolMessage);
    const answer = await agent.invoke(turns);
    expect(answer.tool_calls).toEqual([]);
    expect(answer.text.length).toBeGreaterThan(0);
  });

  test("gathers the calls of a stream", async () => {
    const agent = chat().bindTools([getWeather], { tool_choice: "required", parallel_tool_calls: false });
    let gathered: AIMessageChunk | undefined;
    for await (const chunk of await agent.stream(weather))
      gathered = gathered === undefined ? chunk : gathered.concat(chunk);
    expect(gathered?.tool_calls).toMatchObject([{ name: "get_weather", args: { city: "Oslo" } }]);
    expect(gathered?.response_metadata.finish_reason).toBe("tool_calls");
  });

  test.each(["any", "none", "get_weather"])("obeys the tool choice %s", async (tool_choice) => {
    const answer = await chat({ maxTokens: 100 }).bindTools([getWeather], { tool_choice }).invoke(weather);
    expect(answer.tool_calls?.length).toBe(tool_choice === "none" ? 0 : 1);
  });

  test("tells log probabilities whose tokens are the text", async () => {
    const { text, response_metadata } = await chat({ logprobs: true, topLogprobs: 2 }).invoke(capital);
    const logprobs = response_metadata.logprobs as { content: { token: string }[] };
    expect(logprobs.content.map(({ token }) => token).join("")).toBe(text);
  });

  test("leaves a stream when it is aborted", async () => {
    const leaving = new AbortController();
    const stream = await chat().stream(longTask, { signal: leaving.signal });
    const read = async () => {
      for await (const _ of stream) leaving.abort();
    };
    await expect(read()).rejects.toThrow(/abort/i);
  });

  test.each([
    {
      fault: "an unknown model",
      settings: { model: "none" },
      error: { status: 404, code: "model_not_found", lc_error_code: "MODEL_NOT_FOUND" },
    },
    {
      fault: "a wrong key",
      settings: { apiKey: "sk-wrong-0123456789" },
      error: { status: 401, code: "invalid_api_key", lc_error_code: "MODEL_AUTHENTICATION" },
    },
    { fault: "a wrong value", settings: { topP: 2 }, error: { status: 400, param: "top_p" } },
  ])("throws its own error for $fault", async ({ settings, error }) => {
    await expect(chat(settings).invoke(capital)).rejects.toMatchObject(error);
  });

  test("knows a prompt that is too long when it sees one", async () => {
    const failing = chat().invoke("Go on. ".repeat(20_000));
    await expect(failing).rejects.toMatchObject({ name: "ContextOverflowError" });
  });
});
