import { describe, expect, test } from "vitest";
import { FinishReason } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { FakeClock } from "../../../../test/support/core/fake-clock.ts";
import { generationOf } from "../../../../test/support/inference/fake-engine.ts";
import {
  askScripted,
  askStream,
  chunk,
  done,
  engineFor,
  event,
  hello,
  never,
  scriptedServer,
  sendEvents,
  usageChunk,
} from "../../../../test/support/inference/openai.ts";
import { transcribe } from "../../transcript.ts";

/** Text, reason and counts of an answer. */
const summary = async (bytes: string | Buffer) => {
  const { text, reason, usage } = await askStream(bytes);
  return [text, reason, usage?.promptTokens, usage?.completionTokens];
};

const helloIs = ["Hello", FinishReason.STOP, 5, 2];

describe("an event stream is read although it", () => {
  test.each<{ variant: string; bytes: string | Buffer }>([
    { variant: "is as it should be", bytes: hello },
    {
      variant: "has comments",
      bytes: `: hi\n\n:\n${hello.replaceAll("\n\n", "\n: keep-alive\n\n")}: bye\n\n`,
    },
    { variant: "ends its lines with CRLF", bytes: hello.replaceAll("\n", "\r\n") },
    { variant: "ends its lines with CR", bytes: hello.replaceAll("\n", "\r") },
    { variant: "has blank lines everywhere", bytes: `\n\n\n${hello.replaceAll("\n\n", "\n\n\n\n")}` },
    { variant: "has no space behind `data:`", bytes: hello.replaceAll("data: ", "data:") },
    {
      variant: "spreads its data over lines",
      bytes: hello.replaceAll(',"choices"', ',\ndata: "choices"'),
    },
    { variant: "begins with a byte order mark", bytes: `\ufeff${hello}` },
    { variant: "has empty data", bytes: `data:\n\ndata: \n\n${hello}` },
    { variant: "has `event: ping` alone", bytes: `event: ping\n\n${hello}` },
    { variant: "has pings with data", bytes: `event: ping\ndata: {}\n\nevent: ping\ndata: now\n\n${hello}` },
    {
      variant: "has ids and retry times",
      bytes: `retry: 100\n\nid: 7\n\n${hello.replaceAll("data: {", "id: 1\ndata: {")}`,
    },
    { variant: "names its events", bytes: hello.replaceAll("data: {", "event: message\ndata: {") },
    { variant: "has a space behind [DONE]", bytes: hello.replace("[DONE]", "[DONE] ") },
    { variant: "has no [DONE]", bytes: hello.replace(done, "") },
    { variant: "leaves out the last blank line", bytes: hello.trimEnd() },
    {
      variant: "leaves out the blank line behind its last chunk",
      bytes: hello.replace(done, "").trimEnd(),
    },
    {
      variant: "has a role on every chunk",
      bytes: hello.replaceAll('{"content"', '{"role":"assistant","content"'),
    },
    { variant: "has `error: null` on its chunks", bytes: hello.replaceAll('{"id"', '{"error":null,"id"') },
    {
      variant: "has chunks without choices",
      bytes: event({ id: "x", object: "chat.completion.chunk" }) + event({ choices: null }) + hello,
    },
    { variant: "has null for content", bytes: hello.replace('"content":""', '"content":null') },
    { variant: "has content in parts", bytes: hello.replace('"lo"', '[{"type":"text","text":"lo"}]') },
    {
      variant: "has other choices beside the first",
      bytes: event({ choices: [{ index: 1, delta: { content: "x" } }] }) + hello,
    },
  ])("$variant", async ({ bytes }) => {
    expect(await summary(bytes)).toEqual(helloIs);
  });

  test("comes byte by byte", async () => {
    const bytes = Buffer.from(hello.replaceAll("Hel", "🚀 Hel"));
    const { text } = await askScripted(async (received) => {
      for (const byte of bytes) {
        sendEvents(received, Buffer.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
      received.response.end();
    });
    expect(text).toBe("🚀 Hello");
  });

  test("cuts a character between two chunks", async () => {
    const bytes =
      event(chunk({ content: "a" })) +
      'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\n' +
      'data: {"choices":[{"delta":{"content":"\\ude80!"}}]}\n\n' +
      event(chunk({}, "stop")) +
      done;
    const { text, deltas } = await askStream(bytes);
    expect(text).toBe("a🚀!");
    expect(deltas.every((delta) => delta.text.isWellFormed())).toBe(true);
  });
});

describe("why an answer ended", () => {
  test.each([
    ["stop", FinishReason.STOP],
    ["eos_token", FinishReason.STOP],
    ["stop_sequence", FinishReason.STOP],
    ["end_turn", FinishReason.STOP],
    ["length", FinishReason.LENGTH],
    ["content_filter", FinishReason.CONTENT_FILTER],
    // Without a call in it.
    ["tool_calls", FinishReason.STOP],
  ])("%s is %i", async (finish, expected) => {
    const { reason } = await askStream(event(chunk({ content: "Hi" })) + event(chunk({}, finish)) + done);
    expect(reason).toBe(expected);
  });

  test("is never guessed: an answer without a finish reason has failed", async () => {
    const answer = askStream(event(chunk({ content: "Hi" })) + done);
    await expect(answer).rejects.toMatchObject({
      kind: "engine_failed",
      message: "The engine of `m` ended its answer without a finish reason.",
    });
  });

  test("stands although the connection breaks behind it", async () => {
    const { text, reason } = await askScripted((received) => {
      sendEvents(received, event(chunk({ content: "Hi" })) + event(chunk({}, "length")));
      setImmediate(() => received.response.destroy());
    });
    expect([text, reason]).toEqual(["Hi", FinishReason.LENGTH]);
  });

  test.each(["error", "abort", "insufficient_system_resource"])("%s is a failure", async (finish) => {
    const answer = askStream(event(chunk({ content: "Hi" })) + event(chunk({}, finish)) + done);
    await expect(answer).rejects.toMatchObject({ kind: "engine_failed" });
  });
});

describe("a server that ignores `max_tokens`", () => {
  const limits = { maxTokens: 3 };
  const words = ["One ", "two ", "three ", "four ", "five "];

  test.each<{ how: string; deltas: object[]; text: string }>([
    { how: "in its text", deltas: words.map((content) => ({ content })), text: "One two three " },
    {
      how: "in its thoughts",
      deltas: [...words.map((reasoning_content) => ({ reasoning_content })), { content: "42" }],
      text: "",
    },
    {
      how: "behind its thoughts",
      deltas: [{ reasoning_content: "Hm." }, ...words.map((content) => ({ content }))],
      text: "One two ",
    },
  ])("$how is cut with `length`", async ({ deltas, text: expected }) => {
    const bytes = deltas.map((delta) => event(chunk(delta))).join("") + event(chunk({}, "stop")) + done;
    const { text, reason, usage } = await askStream(bytes, { limits });
    expect([text, reason, usage?.completionTokens]).toEqual([expected, FinishReason.LENGTH, 3]);
  });

  test("is believed when it counts on every chunk: two chunks may be one token", async () => {
    const counted = (content: string, completion_tokens: number) =>
      event({ ...chunk({ content }), usage: { prompt_tokens: 5, completion_tokens } });
    const bytes = counted("O", 1) + counted("ne ", 1) + counted("two ", 2) + counted("three ", 3);
    const { text, reason } = await askStream(`${bytes}${event(chunk({}, "length"))}${done}`, { limits });
    expect([text, reason]).toEqual(["One two three ", FinishReason.LENGTH]);
    const beyond = await askStream(bytes + counted("four", 4) + event(chunk({}, "stop")) + done, { limits });
    expect([beyond.text, beyond.reason]).toEqual(["One two three ", FinishReason.LENGTH]);
  });

  test("loses the request: it would go on for long", async () => {
    const server = await scriptedServer((received) => {
      if (received.method !== "POST") return;
      sendEvents(received, words.map((content) => event(chunk({ content }))).join(""));
    });
    const engine = await engineFor(server);
    await Array.fromAsync(engine.generate(generationOf({ limits }), never));
    await server.received.at(-1)!.aborted;
    await server.close();
  });
});

test("an answer that shows nothing while the server counts tokens is a failure, not an empty answer", async () => {
  const bytes =
    event(chunk({ role: "assistant", content: "" })) +
    event(chunk({}, "stop")) +
    event(usageChunk(5, 40)) +
    done;
  await expect(askStream(bytes)).rejects.toMatchObject({
    kind: "engine_failed",
    message: "The engine of `m` finished an answer of which it had sent nothing.",
  });
});

describe("thoughts", () => {
  const thinking = (delta: object) =>
    event(chunk(delta)) + event(chunk({ content: "42" })) + event(chunk({}, "stop")) + done;

  test.each([
    { delta: { reasoning_content: "Hm." }, because: "llama.cpp, SGLang and DeepSeek call them so" },
    { delta: { reasoning: "Hm." }, because: "vLLM, Ollama and OpenRouter call them so" },
    { delta: { reasoning: "Hm.", reasoning_content: "Hm." }, because: "both are the same text" },
  ])("are told once: $because", async ({ delta }) => {
    const { reasoning, text, usage } = await askStream(thinking(delta));
    expect([reasoning, text]).toEqual(["Hm.", "42"]);
    expect(usage?.reasoningTokens).toBe(1);
  });

  test("that are left in the content are text", async () => {
    const { reasoning, text } = await askStream(thinking({ content: "<think>Hm.</think>" }));
    expect([reasoning, text]).toEqual(["", "<think>Hm.</think>42"]);
  });
});

describe("usage", () => {
  const words = ["One", " two", " three"].map((content) => event(chunk({ content }))).join("");
  const end = event(chunk({}, "stop"));

  test.each([
    { where: "in a chunk of its own", bytes: words + end + event(usageChunk(9, 7)) + done },
    {
      where: "in the last chunk of the answer",
      bytes: words + event(chunk({}, "stop", { usage: { prompt_tokens: 9, completion_tokens: 7 } })) + done,
    },
    {
      where: "in every chunk, growing",
      bytes:
        event(chunk({ content: "One" }, null, { usage: { prompt_tokens: 9, completion_tokens: 1 } })) +
        event(chunk({ content: " two three" }, null, { usage: { prompt_tokens: 9, completion_tokens: 7 } })) +
        end +
        done,
    },
    {
      where: "in llama-server's timings",
      bytes:
        words + event(chunk({}, "stop", { timings: { cache_n: 4, prompt_n: 5, predicted_n: 7 } })) + done,
    },
  ])("is read $where", async ({ bytes }) => {
    const { usage } = await askStream(bytes);
    expect([usage?.promptTokens, usage?.completionTokens]).toEqual([9, 7]);
  });

  test.each([
    { of: "OpenAI", more: { completion_tokens_details: { reasoning_tokens: 3 } } },
    { of: "SGLang", more: { reasoning_tokens: 3 } },
  ])("is read with its details, as $of writes them", async ({ more }) => {
    const details = { prompt_tokens_details: { cached_tokens: 4 }, ...more };
    const usage = { prompt_tokens: 9, completion_tokens: 7, ...details };
    const answer = await askStream(words + end + event({ choices: [], usage }) + done);
    expect(answer.usage).toMatchObject({ cachedTokens: 4, reasoningTokens: 3 });
  });

  test("that is missing is counted: a chunk is a token, or as many as it has words; four bytes of the prompt are one", async () => {
    const { usage } = await askStream(
      `${words}${event(chunk({ content: " and four more, at once" }))}${end}${done}`,
    );
    expect(usage).toMatchObject({
      promptTokens: 4,
      completionTokens: 8,
      cachedTokens: 0,
      reasoningTokens: 0,
    });
  });

  test("that is missing is the limit when that was met", async () => {
    const bytes = words + event(chunk({}, "length")) + done;
    const { usage } = await askStream(bytes, { limits: { maxTokens: 8 } });
    expect(usage?.completionTokens).toBe(8);
  });

  test("is never more than the limit", async () => {
    const bytes = words + end + event(usageChunk(9, 700)) + done;
    const { usage } = await askStream(bytes, { limits: { maxTokens: 8 } });
    expect(usage?.completionTokens).toBe(8);
  });

  test("is not waited for without end", async () => {
    // The stream stays open and silent.
    const server = await scriptedServer((received) => {
      if (received.method === "POST") sendEvents(received, words + end);
    });
    const clock = new FakeClock();
    const engine = await engineFor(server, { clock });
    let text = "";
    let isOver = false;
    const answer = transcribe(engine.generate(generationOf(), never), ({ event: { case: kind, value } }) => {
      if (kind === "delta") text += value.text;
    }).finally(() => {
      isOver = true;
    });
    while (!isOver) await clock.advance(text === "One two three" ? 100 : 0);
    expect((await answer).usage?.completionTokens).toBe(3);
    expect(clock.now()).toBeLessThan(5000);
    await server.close();
  });
});

describe("a stop text", () => {
  const words = ["One", ", tw", "o, th", "ree, four"].map((content) => event(chunk({ content }))).join("");

  test("is looked for here: the server is not told, and its work is ended", async () => {
    const server = await scriptedServer((received) => {
      if (received.method === "POST") sendEvents(received, words);
    });
    // Time stands still: the request ends by itself, not because somebody's patience does.
    const engine = await engineFor(server, { clock: new FakeClock() });
    const generation = generationOf({ limits: { stop: ["five", "two,"] } });
    const answer = await transcribe(engine.generate(generation, never));
    expect([answer.text, answer.stop, answer.reason]).toEqual(["One, ", "two,", FinishReason.STOP]);
    expect(answer.usage?.completionTokens).toBe(4);
    const request = server.received.at(-1);
    expect(request?.body?.stop).toBeUndefined();
    await request?.aborted;
    await server.close();
  });

  test("is not looked for in thoughts", async () => {
    const bytes =
      event(chunk({ reasoning: "Not two." })) +
      event(chunk({ content: "One" })) +
      event(chunk({}, "stop")) +
      done;
    const answer = await askStream(bytes, { limits: { stop: ["two"] } });
    expect([answer.reasoning, answer.text, answer.stop]).toEqual(["Not two.", "One", ""]);
  });
});

describe("log probabilities", () => {
  const token = (text: string, logprob: number | null) => ({ token: text, logprob });

  test("are read from a chat: bytes where they are told, the alternatives that were asked for, best first", async () => {
    const logprobs = {
      content: [
        {
          ...token("é", -0.5),
          bytes: [0xc3, 0xa9],
          top_logprobs: [token("e", -3), token("é", -0.5), token("x", null)],
        },
      ],
      refusal: null,
    };
    const bytes =
      event({ choices: [{ index: 0, delta: { content: "é" }, logprobs }] }) + event(chunk({}, "stop")) + done;
    const [entry] = (await askStream(bytes, { logprobs: { top: 2 } })).logprobs;
    expect(entry?.token).toMatchObject({ text: "é", logprob: -0.5 });
    expect([...(entry?.token?.bytes ?? [])]).toEqual([0xc3, 0xa9]);
    expect(entry?.top.map(({ text, logprob }) => [text, logprob])).toEqual([
      ["é", -0.5],
      ["e", -3],
    ]);
  });

  test("are read from a completion's four lists", async () => {
    const logprobs = {
      tokens: [" a", " b"],
      token_logprobs: [-0.1, -9999],
      top_logprobs: [{ " c": -2, " a": -0.1 }, null],
      text_offset: [0, 2],
    };
    const bytes = event({ choices: [{ index: 0, text: " a b", logprobs, finish_reason: "stop" }] }) + done;
    const answer = await askStream(bytes, {
      messages: [],
      rawPrompt: { prompt: { case: "text", value: "Once" } },
      logprobs: { top: 1 },
    });
    expect(answer.text).toBe(" a b");
    expect(
      answer.logprobs.map(({ token, top }) => [token?.text, token?.logprob, top.map(({ text }) => text)]),
    ).toEqual([
      [" a", -0.1, [" a"]],
      [" b", -9999, []],
    ]);
  });
});
