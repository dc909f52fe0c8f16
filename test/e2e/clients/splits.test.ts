import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { streamText } from "ai";
import fc from "fast-check";
import OpenAI7 from "openai";
import OpenAI6 from "openai-6";
import { beforeAll, describe, expect, test } from "vitest";
import { FinishReason } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  answering,
  bearer,
  createTestApp,
  deltaEvent,
  finishedEvent,
  question,
  startedEvent,
  textEvent,
} from "../../support/translator/translator.ts";

/** Everything that a stream can hold, with text that is easy to cut in the wrong place. */
const events = [
  startedEvent(),
  deltaEvent({ reasoning: "Ich überlege… 🤔" }),
  ...["naïve ", "👩‍👩‍👧", " 東京\n\n", "data: [DONE]\n\n", '"\\', "\u2028\r\n", "\u0000"].map(textEvent),
  deltaEvent({ toolCalls: [{ index: 0, id: "call_1", name: "f", argumentsJson: '{"ä":' }] }),
  deltaEvent({ toolCalls: [{ index: 0, argumentsJson: '"🚀"}' }] }),
  finishedEvent(FinishReason.TOOL_CALLS),
];

let bytes: Uint8Array<ArrayBuffer>;
beforeAll(async () => {
  const { rawPayload } = await createTestApp({ generate: answering(events) }).inject({
    method: "POST",
    url: "/v1/chat/completions",
    headers: bearer,
    payload: question({ stream: true, stream_options: { include_usage: true } }),
  });
  bytes = new Uint8Array(rawPayload);
});

/** A fetch that answers with the stream, in pieces that end at these places. */
const cutAt =
  (places: readonly number[]): typeof fetch =>
  async () => {
    const ends = [...new Set(places.map((place) => place % bytes.length))].sort((a, b) => a - b);
    const pieces = [...ends, bytes.length].map((end, index) =>
      bytes.slice(index === 0 ? 0 : ends[index - 1], end),
    );
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        const piece = pieces.shift();
        if (piece === undefined) controller.close();
        else controller.enqueue(piece);
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };

const messages = [{ role: "user" as const, content: "hi" }];

const readWithOpenAI = (OpenAI: typeof OpenAI7) => async (fetch: typeof globalThis.fetch) => {
  const client = new OpenAI({ apiKey: "sk-test", baseURL: "http://localhost/v1", fetch });
  const chunks: unknown[] = [];
  for await (const chunk of await client.chat.completions.create({ model: "m", messages, stream: true }))
    chunks.push(chunk);
  return chunks;
};

const readWithAi = async (fetch: typeof globalThis.fetch) => {
  const provider = createOpenAICompatible({ name: "cxmpute", baseURL: "http://localhost/v1", fetch });
  const parts: unknown[] = [];
  for await (const part of streamText({ model: provider("m"), messages, maxRetries: 0 }).fullStream)
    if (/^(text|reasoning|tool-input)-delta$/.test(part.type)) {
      const { text, delta } = part as { text?: string; delta?: string };
      parts.push([part.type, text ?? delta]);
    }
  return parts;
};

describe.each([
  { sdk: "openai 6", read: readWithOpenAI(OpenAI6 as unknown as typeof OpenAI7), runs: 150 },
  { sdk: "openai 7", read: readWithOpenAI(OpenAI7), runs: 150 },
  { sdk: "the AI SDK", read: readWithAi, runs: 60 },
])("$sdk", ({ read, runs }) => {
  test("reads the same events, wherever the bytes of a stream are cut", async () => {
    const whole = await read(cutAt([]));
    expect(whole.length).toBeGreaterThanOrEqual(10);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(100_000), { maxLength: 40 }), async (places) => {
        expect(await read(cutAt(places))).toEqual(whole);
      }),
      { numRuns: runs },
    );
  });

  test("reads the same events byte by byte", async () => {
    const everywhere = Array.from(bytes, (_, place) => place);
    expect(await read(cutAt(everywhere))).toEqual(await read(cutAt([])));
  });
});
