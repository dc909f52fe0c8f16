import { type AIMessageChunk, HumanMessage, type ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { expect, test } from "vitest";
import { z } from "zod";
import { capital, describeMeshes, longTask, weather } from "./clients/asking.ts";

const person = z.object({ name: z.string().max(30), age: z.number().int().min(0).max(120) });

describeMeshes("LangChain over the Responses API", (mesh) => {
  const chat = (settings: Record<string, unknown> = {}) =>
    new ChatOpenAI({
      model: mesh().model,
      apiKey: mesh().apiKey,
      configuration: { baseURL: `${mesh().url}/v1` },
      temperature: 0,
      maxRetries: 0,
      useResponsesApi: true,
      ...settings,
    });

  test("invokes and streams the same text", async () => {
    const whole = await chat().invoke(capital);
    expect(whole.text).toContain("Paris");
    expect(whole.response_metadata.id).toMatch(/^resp_/);
    let gathered: AIMessageChunk | undefined;
    for await (const chunk of await chat().stream(capital))
      gathered = gathered === undefined ? chunk : gathered.concat(chunk);
    expect(gathered?.text).toBe(whole.text);
    expect(gathered?.usage_metadata).toMatchObject({ output_tokens: expect.any(Number) });
  });

  test("runs a tool loop", async () => {
    const getWeather = tool(async ({ city }: { city: string }) => `Sunny in ${city}`, {
      name: "get_weather",
      description: "The weather in a city",
      schema: z.object({ city: z.string() }),
    });
    const asked = [new HumanMessage(weather)];
    const answer = await chat()
      .bindTools([getWeather], { tool_choice: "get_weather", strict: true })
      .invoke(asked);
    const [call] = answer.tool_calls ?? [];
    expect(call).toMatchObject({ name: "get_weather", args: { city: expect.any(String) } });
    const result: ToolMessage = await getWeather.invoke({ ...call!, type: "tool_call" });
    const last = await chat()
      .bindTools([getWeather])
      .invoke([...asked, answer, result], { tool_choice: "none" });
    expect(last.text).not.toBe("");
  });

  test("forces a schema", async () => {
    const made = await chat()
      .withStructuredOutput(person, { name: "person", method: "jsonSchema", strict: true })
      .invoke("Make up a person.");
    expect(person.parse(made)).toEqual(made);
  });

  test("continues a stored response", async () => {
    const first = await chat().invoke("My name is Anna.");
    const second = await chat().invoke("What is my name?", {
      previous_response_id: first.response_metadata.id as string,
    });
    expect(second.text).toContain("Anna");
  });

  test("aborts", async () => {
    const controller = new AbortController();
    const read = async () => {
      for await (const _ of await chat().stream(longTask, { signal: controller.signal })) controller.abort();
    };
    await expect(read()).rejects.toThrow(/abort/i);
  });

  test("gets a refusal as an error", async () => {
    await expect(chat({ model: "none" }).invoke(capital)).rejects.toMatchObject({ status: 404 });
  });
});
