import OpenAI7 from "openai";
import { zodFunction as zodFunction7, zodResponseFormat as zodResponseFormat7 } from "openai/helpers/zod";
import OpenAI6 from "openai-6";
import { zodFunction as zodFunction6, zodResponseFormat as zodResponseFormat6 } from "openai-6/helpers/zod";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { type Mesh, startMesh } from "../../support/mesh.ts";
import { capital, describeMeshes, longTask, weather } from "./asking.ts";

/** The majors differ in their parsers, not in their types. */
const majors = [
  {
    major: 6,
    OpenAI: OpenAI6 as unknown as typeof OpenAI7,
    zodFunction: zodFunction6 as unknown as typeof zodFunction7,
    zodResponseFormat: zodResponseFormat6 as unknown as typeof zodResponseFormat7,
  },
  { major: 7, OpenAI: OpenAI7, zodFunction: zodFunction7, zodResponseFormat: zodResponseFormat7 },
];

const ask = (content: string) => [{ role: "user" as const, content }];

/**
 * Nested, with an enumeration, an array, a union and a nullable field: what zod makes of types that users have.
 * Strings are bounded, because a small model does not always find the end of one.
 */
const trip = z.object({
  city: z.string().max(30),
  season: z.enum(["spring", "autumn"]),
  days: z.number().int().min(1).max(14),
  stops: z
    .array(z.object({ name: z.string().max(30), by: z.union([z.literal("train"), z.literal("boat")]) }))
    .max(2),
  note: z.string().max(30).nullable(),
});

describe.each(majors)("$major", ({ major, OpenAI, zodFunction, zodResponseFormat }) => {
  describeMeshes(`the helpers of openai ${major}`, (mesh) => {
    const connect = () => new OpenAI({ apiKey: mesh().apiKey, baseURL: `${mesh().url}/v1`, maxRetries: 0 });

    test("stream() gathers the completion that create() gives", async () => {
      const request = { model: mesh().model, messages: ask(capital), temperature: 0 };
      const whole = await connect().chat.completions.create(request);
      const runner = connect().chat.completions.stream({
        ...request,
        stream_options: { include_usage: true },
      });
      let text = "";
      runner.on("content", (delta) => {
        text += delta;
      });
      const gathered = await runner.finalChatCompletion();
      expect(text).toBe(whole.choices[0]?.message.content);
      expect(gathered.choices[0]).toMatchObject({
        index: 0,
        finish_reason: "stop",
        message: { role: "assistant", content: text, refusal: null },
      });
      expect(gathered.usage?.total_tokens).toBe(whole.usage?.total_tokens);
      expect(gathered.system_fingerprint).toBe(whole.system_fingerprint);
    });

    test("stream() gathers several choices, each to its end", async () => {
      const runner = connect().chat.completions.stream({
        model: mesh().model,
        messages: ask(capital),
        n: 3,
        max_completion_tokens: 10,
      });
      const { choices } = await runner.finalChatCompletion();
      expect(choices.map(({ index }) => index)).toEqual([0, 1, 2]);
      for (const { message } of choices) expect(message.content?.length).toBeGreaterThan(0);
    });

    test("stream() gathers log probabilities whose tokens are the text", async () => {
      const { choices } = await connect()
        .chat.completions.stream({
          model: mesh().model,
          messages: ask(capital),
          logprobs: true,
          top_logprobs: 2,
        })
        .finalChatCompletion();
      const tokens = choices[0]?.logprobs?.content ?? [];
      expect(tokens.map(({ token }) => token).join("")).toBe(choices[0]?.message.content);
    });

    test("parse() gives what the zod schema accepts", async () => {
      const completion = await connect().chat.completions.parse({
        model: mesh().model,
        messages: ask("Plan a trip."),
        response_format: zodResponseFormat(trip, "trip"),
      });
      const { parsed, refusal } = completion.choices[0]!.message;
      expect(refusal).toBeNull();
      expect(trip.parse(parsed)).toEqual(parsed);
    });

    test("stream() parses structured output as it grows", async () => {
      const runner = connect().chat.completions.stream({
        model: mesh().model,
        messages: ask("Plan a trip."),
        response_format: zodResponseFormat(trip, "trip"),
      });
      let snapshots = 0;
      runner.on("content.delta", ({ parsed }) => {
        if (parsed) snapshots++;
      });
      const { choices } = await runner.finalChatCompletion();
      expect(snapshots).toBeGreaterThan(1);
      expect(trip.parse(choices[0]?.message.parsed)).toEqual(choices[0]?.message.parsed);
    });

    test("parse() throws when the answer was cut short", async () => {
      const cut = connect().chat.completions.parse({
        model: mesh().model,
        messages: ask("Plan a trip."),
        max_tokens: 3,
        response_format: zodResponseFormat(trip, "trip"),
      });
      await expect(cut).rejects.toThrow(/length limit was reached/);
    });

    test("parse() reads strict arguments of a call", async () => {
      const parameters = z.object({ city: z.string() });
      const completion = await connect().chat.completions.parse({
        model: mesh().model,
        messages: ask(weather),
        tools: [zodFunction({ name: "get_weather", parameters })],
        tool_choice: "required",
      });
      const [call] = completion.choices[0]!.message.tool_calls ?? [];
      if (call?.type !== "function") throw new Error("No function was called.");
      expect(parameters.parse(call.function.parsed_arguments)).toEqual({ city: "Oslo" });
    });

    const tools = (asked: string[]) => [
      {
        type: "function" as const,
        function: {
          name: "get_weather",
          description: "The weather in a city.",
          parameters: {
            type: "object",
            properties: { city: { type: "string" } },
            required: ["city"],
          } as Record<string, unknown>,
          parse: (text: string) => JSON.parse(text) as { city: string },
          function: ({ city }: { city: string }) => {
            asked.push(city);
            return `It is clear in ${city}.`;
          },
        },
      },
    ];

    test("runTools() loops over calls and results to an answer", async () => {
      const asked: string[] = [];
      const runner = connect().chat.completions.runTools({
        model: mesh().model,
        messages: ask(weather),
        temperature: 0,
        tools: tools(asked) as never,
      });
      expect((await runner.finalContent())?.length).toBeGreaterThan(0);
      expect(asked).toEqual(["Oslo"]);
      expect(runner.messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "assistant"]);
    });

    test("runTools() does the same over streams", async () => {
      const asked: string[] = [];
      const runner = connect().chat.completions.runTools({
        model: mesh().model,
        messages: ask(weather),
        temperature: 0,
        stream: true,
        tools: tools(asked) as never,
      });
      expect((await runner.finalContent())?.length).toBeGreaterThan(0);
      expect(asked).toEqual(["Oslo"]);
    });

    test("stream() ends in the SDK's own way when it is aborted", async () => {
      const runner = connect().chat.completions.stream({ model: mesh().model, messages: ask(longTask) });
      runner.on("content", () => runner.abort());
      await expect(runner.done()).rejects.toBeInstanceOf(OpenAI.APIUserAbortError);
    });

    test("every fault has its class, and its request can be found", async () => {
      const client = connect();
      const create = (more: object, as = client) =>
        as.chat.completions.create({ model: mesh().model, messages: ask(capital), ...more } as never);
      const notFound = create({ model: "none" });
      await expect(notFound).rejects.toBeInstanceOf(OpenAI.NotFoundError);
      await expect(notFound).rejects.toMatchObject({ requestID: expect.stringMatching(/\S/) });
      await expect(create({ n: 0 })).rejects.toBeInstanceOf(OpenAI.BadRequestError);
      const stranger = client.withOptions({ apiKey: "sk-wrong-key-1234567890" });
      await expect(create({}, stranger)).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
      await expect(create({ stream: true, top_p: 7 })).rejects.toMatchObject({ param: "top_p" });
    });
  });
});

describe("while no node is there", () => {
  let mesh: Mesh | undefined;
  beforeAll(async () => {
    mesh = await startMesh("in many processes", { nodes: ["attached"] });
  });
  afterAll(() => mesh?.stop());

  test("the SDKs wait for as long as they are told, and succeed when one has come back", async () => {
    const { model, apiKey, url, programs, join } = mesh!;
    await programs.get("attached")!.stop("SIGKILL");
    const heard: { major: number; status: number; wait: string | null }[] = [];
    const allRefused = Promise.withResolvers<void>();
    const answers = majors.map(({ major, OpenAI }) =>
      new OpenAI({
        apiKey,
        baseURL: `${url}/v1`,
        maxRetries: 4,
        fetch: async (...request) => {
          const response = await fetch(...(request as Parameters<typeof fetch>));
          heard.push({ major, status: response.status, wait: response.headers.get("retry-after") });
          if (heard.length === majors.length) allRefused.resolve();
          return response;
        },
      }).chat.completions.create({ model, messages: ask(capital), temperature: 0 }),
    );
    await allRefused.promise;
    await join("second");
    for (const answer of await Promise.all(answers))
      expect(answer.choices[0]?.message.content).toContain("Paris");
    for (const { major } of majors) {
      const own = heard.filter((one) => one.major === major);
      expect(own[0]).toMatchObject({ status: 503, wait: expect.stringMatching(/^[1-9]\d?$/) });
      expect(own.at(-1)).toMatchObject({ status: 200 });
    }
  });
});
