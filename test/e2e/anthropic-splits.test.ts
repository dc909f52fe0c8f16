import Anthropic from "@anthropic-ai/sdk";
import fc from "fast-check";
import { expect, test } from "vitest";
import { FinishReason } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  answering,
  createTestApp,
  deltaEvent,
  finishedEvent,
  startedEvent,
  testKey,
  textEvent,
} from "../support/translator/translator.ts";

/** Everything that a stream can hold, with text that is easy to cut in the wrong place. */
const events = [
  startedEvent(),
  deltaEvent({ reasoning: "Ich überlege… 🤔" }),
  ...["naïve ", "👩‍👩‍👧", " 東京\n\n", "event: error\n\n", '"\\', "\u2028\r\n", "\u0000"].map(textEvent),
  deltaEvent({ toolCalls: [{ index: 0, id: "call_1", name: "f", argumentsJson: '{"ä":' }] }),
  deltaEvent({ toolCalls: [{ index: 0, argumentsJson: '"🚀"}' }] }),
  finishedEvent(FinishReason.TOOL_CALLS),
];

const body: Anthropic.MessageCreateParamsNonStreaming = {
  model: "m",
  max_tokens: 20,
  messages: [{ role: "user", content: "hi" }],
};

/** What the SDK makes of the stream when it comes in pieces that end at these places. */
async function readCutAt(bytes: Uint8Array<ArrayBuffer>, places: readonly number[]): Promise<unknown> {
  const ends = [...new Set(places.map((place) => place % bytes.length))].sort((a, b) => a - b);
  const pieces = [...ends, bytes.length].map((end, index) =>
    bytes.slice(index === 0 ? 0 : ends[index - 1], end),
  );
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      const piece = pieces.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(piece);
    },
  });
  const headers = { "content-type": "text/event-stream" };
  const fetch = async () => new Response(stream, { headers });
  const client = new Anthropic({ apiKey: "sk-test", authToken: null, baseURL: "http://localhost", fetch });
  return (await client.messages.stream(body).finalMessage()).content;
}

test("however the bytes of a stream are cut, Anthropic's SDK reads the same message", async () => {
  const { rawPayload } = await createTestApp({ generate: answering(events) }).inject({
    method: "POST",
    url: "/v1/messages",
    headers: { "x-api-key": testKey },
    payload: { ...body, stream: true },
  });
  const bytes = new Uint8Array(rawPayload);
  const whole = await readCutAt(bytes, []);
  expect(whole).toMatchObject([
    { type: "thinking", thinking: "Ich überlege… 🤔" },
    { type: "text", text: 'naïve 👩‍👩‍👧 東京\n\nevent: error\n\n"\\\u2028\r\n\u0000' },
    { type: "tool_use", name: "f", input: { ä: "🚀" } },
  ]);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 100_000 }), { maxLength: 40 }), async (places) => {
      expect(await readCutAt(bytes, places)).toEqual(whole);
    }),
    { numRuns: 150 },
  );
});
