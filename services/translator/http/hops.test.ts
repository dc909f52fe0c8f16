import { describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { hopLimit, loopCode, loopMessage } from "../../../core/hops.ts";
import { FinishReason, type GenerationEvent } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  answering,
  answerOf,
  bearer,
  createScript,
  createTestApp,
  finishedEvent,
  question,
  startedEvent,
  testKey,
} from "../../../test/support/translator/translator.ts";

const vector: GenerationEvent = {
  $typeName: "cxmpute.generation.v1.GenerationEvent",
  event: {
    case: "embedded",
    value: { $typeName: "cxmpute.generation.v1.Embedded", index: 0, values: [1] },
  },
};

/** Every surface that asks a model, with the least that it takes and an answer to it. */
const surfaces: readonly {
  readonly url: string;
  readonly payload: Record<string, unknown>;
  readonly answer?: readonly GenerationEvent[];
}[] = [
  { url: "/v1/chat/completions", payload: question() },
  { url: "/v1/completions", payload: { model: "m", prompt: "hi" } },
  { url: "/v1/responses", payload: { model: "m", input: "hi" } },
  { url: "/v1/messages", payload: question({ max_tokens: 9 }) },
  {
    url: "/v1/embeddings",
    payload: { model: "m", input: "hi" },
    answer: [startedEvent(), vector, finishedEvent(FinishReason.STOP)],
  },
];

const headersOf = (hops: string) => ({ ...bearer, "x-api-key": testKey, "x-cxmpute-hops": hops });

describe.each(surfaces)("at $url", ({ url, payload, answer = answerOf("ok") }) => {
  test.each([
    { sent: "0", hops: 0 },
    { sent: "3", hops: 3 },
    { sent: String(hopLimit), hops: hopLimit },
    { sent: "-9", hops: 0 },
    { sent: "9.5", hops: 0 },
    { sent: "0x99", hops: 0 },
    { sent: "1, 9", hops: 0 },
    { sent: "", hops: 0 },
  ])("a request that says it was handed on `$sent` times was so $hops times", async ({ sent, hops }) => {
    const script = createScript();
    const app = createTestApp({ generate: script.generate });
    const response = app.inject({ method: "POST", url, headers: headersOf(sent), payload });
    const call = await script.next();
    call.push(...answer);
    expect((await response).statusCode).toBe(200);
    expect(call.generation.caller?.hops).toBe(hops);
  });

  test.each([String(hopLimit + 1), "9".repeat(400)])("one of %s is refused", async (sent) => {
    const app = createTestApp({ generate: answering(answer) });
    const response = await app.inject({ method: "POST", url, headers: headersOf(sent), payload });
    expect(response.statusCode).toBe(508);
    expect(response.headers["x-should-retry"]).toBe("false");
    expect(response.json().error.message).toBe(loopMessage);
  });

  test("one that looped behind a node fails with that reason, and must not be retried", async () => {
    const failure = new MeshError("engine_failed", loopMessage, { code: loopCode });
    const app = createTestApp({ generate: answering([startedEvent()], failure) });
    const response = await app.inject({ method: "POST", url, headers: headersOf("0"), payload });
    expect(response.statusCode).toBe(508);
    expect(response.headers["x-should-retry"]).toBe("false");
    expect(response.json().error.message).toBe(loopMessage);
  });
});

test.each([
  { sent: "one", via: ["one"] },
  { sent: "one,tw-_o", via: ["one", "tw-_o"] },
  { sent: "one, two", via: [] },
  { sent: "one,", via: [] },
  { sent: "x".repeat(33), via: [] },
  { sent: Array(9).fill("one").join(","), via: [] },
])("the marks of the engines that a request came through are read from `$sent`", async ({ sent, via }) => {
  const script = createScript();
  const { url, payload } = surfaces[0]!;
  const headers = { ...bearer, "x-cxmpute-via": sent };
  const response = createTestApp({ generate: script.generate }).inject({
    method: "POST",
    url,
    headers,
    payload,
  });
  const call = await script.next();
  call.push(...answerOf("ok"));
  await response;
  expect(call.generation.caller?.via).toEqual(via);
});

test("OpenAI's envelope says which fault it is", async () => {
  const app = createTestApp();
  const { url, payload } = surfaces[0]!;
  const response = await app.inject({ method: "POST", url, headers: headersOf("5"), payload });
  expect(response.json()).toEqual({
    error: { message: loopMessage, type: "invalid_request_error", param: null, code: "loop_detected" },
  });
});
