import { expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import { FinishReason, type Generation } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  answering,
  answerOf,
  bearer,
  continuedEvent,
  createTestApp,
  deltaEvent,
  finishedEvent,
  parseSse,
  startedEvent,
  textEvent,
} from "../../../test/support/translator/translator.ts";
import { toFingerprint } from "../answers/wire.ts";

const post = (generate: Generate, more: Record<string, unknown> = {}, url = "/v1/completions") =>
  createTestApp({ generate }).inject({
    method: "POST",
    url,
    headers: { ...bearer, "content-type": "application/json" },
    payload: JSON.stringify({ model: "m", prompt: "Once", ...more }),
  });

const bytes = (text: string) => new TextEncoder().encode(text);
const token = (text: string, logprob: number, raw = bytes(text)) => ({ text, bytes: raw, logprob });

test.each(["/v1/completions", "/api/v1/completions"])("a text is continued at %s", async (url) => {
  const response = await post(answering(answerOf(" upon", " a time")), {}, url);
  expect(response.statusCode).toBe(200);
  expect(response.json()).toEqual({
    id: expect.stringMatching(/^cmpl-[0-9a-f]{32}$/),
    object: "text_completion",
    created: expect.any(Number),
    model: "m",
    system_fingerprint: expect.stringMatching(/^fp_/),
    choices: [{ text: " upon a time", index: 0, logprobs: null, finish_reason: "stop" }],
    usage: {
      prompt_tokens: 9,
      completion_tokens: 12,
      total_tokens: 21,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
      completion_tokens_details: {
        reasoning_tokens: 0,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
    },
  });
});

test("a text that another engine continued ends with the fingerprint of that engine", async () => {
  const events = [startedEvent(), textEvent("a"), continuedEvent("another", false)];
  const whole = await post(answering(events));
  expect(whole.json().system_fingerprint).toBe(toFingerprint("another"));
  const streamed = parseSse((await post(answering(events), { stream: true })).body);
  const told = streamed
    .filter((json) => json !== "[DONE]")
    .map((json) => JSON.parse(json).system_fingerprint);
  expect(told).toEqual([expect.not.stringContaining(toFingerprint("another")!), toFingerprint("another")]);
});

/** The golden stream: every byte of it, but for id, time and fingerprint. */
test("a stream is, byte for byte, what OpenAI's clients read", async () => {
  const { body, headers } = await post(answering(answerOf(" up", "on ☀")), {
    echo: true,
    stream: true,
    stream_options: { include_usage: true },
  });
  expect(headers["content-type"]).toBe("text/event-stream");
  const normal = body
    .replaceAll(/cmpl-[0-9a-f]{32}/g, "ID")
    .replaceAll(/"created":\d+/g, '"created":0')
    .replaceAll(/fp_[0-9a-f]{10}/g, "FP");
  const head =
    'data: {"id":"ID","object":"text_completion","created":0,"model":"m","system_fingerprint":"FP","choices":[';
  const chunk = (text: string, reason = "null") =>
    `${head}{"text":"${text}","index":0,"logprobs":null,"finish_reason":${reason}}],"usage":null}`;
  expect(normal.split("\n\n")).toEqual([
    chunk("Once"),
    chunk(" up"),
    chunk("on ☀"),
    chunk("", '"stop"'),
    `${head}],"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}`,
    "data: [DONE]",
    "",
  ]);
});

/** Each generation says its prompt, its id's last part and its seed. */
const mirror: Generate = async function* (generation: Generation) {
  const { rawPrompt, id, sampling } = generation;
  const place = id.split("-").slice(2).join("-");
  yield startedEvent();
  yield textEvent(`${String(rawPrompt?.prompt.value)}/${place}/${sampling?.seed}`);
  yield finishedEvent(FinishReason.LENGTH, { promptTokens: 2, completionTokens: 3 });
};

test("every prompt has its n choices, in order, each with a seed of its own", async () => {
  const { choices, usage } = (await post(mirror, { prompt: ["a", "b"], n: 2, seed: 5, echo: true })).json();
  expect(choices.map(({ text, index }: { text: string; index: number }) => [index, text])).toEqual([
    [0, "aa/0-0/5"],
    [1, "aa/0-1/6"],
    [2, "bb/1-0/5"],
    [3, "bb/1-1/6"],
  ]);
  expect(choices[0].finish_reason).toBe("length");
  expect(usage).toMatchObject({ prompt_tokens: 4, completion_tokens: 12, total_tokens: 16 });
});

test("streamed choices say which they are, and each ends once", async () => {
  const { body } = await post(mirror, { prompt: ["a", "b"], n: 2, stream: true });
  const events = parseSse(body);
  expect(events.at(-1)).toBe("[DONE]");
  const choices = events.slice(0, -1).flatMap((event) => JSON.parse(event).choices);
  for (const index of [0, 1, 2, 3]) {
    const own = choices.filter((choice) => choice.index === index);
    expect(own.map(({ finish_reason }) => finish_reason)).toEqual([null, "length"]);
  }
});

const likely = [
  startedEvent(),
  deltaEvent({
    text: "né",
    tokenIds: [1, 2],
    logprobs: [
      { token: token("n", -0.5), top: [token("n", -0.5), token("m", -1)] },
      { token: token("\ufffd", -2, new Uint8Array([0xc3])), top: [token("x", -0.1)] },
    ],
  }),
  deltaEvent({
    tokenIds: [3],
    logprobs: [{ token: token("\ufffd", Number.NEGATIVE_INFINITY, new Uint8Array([0xa9])), top: [] }],
  }),
  deltaEvent({ text: "!", tokenIds: [4], logprobs: [{ token: token("!", -3), top: [] }] }),
  finishedEvent(),
];

test("log probabilities are lists, and offsets count characters", async () => {
  const { choices } = (await post(answering(likely), { logprobs: 2 })).json();
  expect(choices[0].logprobs).toEqual({
    text_offset: [0, 1, 1, 2],
    token_logprobs: [-0.5, -2, -9999, -3],
    tokens: ["n", "bytes:\\xc3", "bytes:\\xa9", "!"],
    top_logprobs: [{ n: -0.5, m: -1 }, { x: -0.1, "bytes:\\xc3": -2 }, { "bytes:\\xa9": -9999 }, { "!": -3 }],
  });
});

test("streamed log probabilities are the same ones, in pieces", async () => {
  const whole = (await post(answering(likely), { logprobs: 2 })).json().choices[0];
  const chunks = parseSse((await post(answering(likely), { logprobs: 2, stream: true })).body)
    .slice(0, -1)
    .map((event) => JSON.parse(event).choices[0]);
  const told = chunks.flatMap(({ logprobs }) => logprobs ?? []);
  for (const list of ["text_offset", "token_logprobs", "tokens", "top_logprobs"])
    expect(told.flatMap((logprobs) => logprobs[list])).toEqual(whole.logprobs[list]);
  expect(chunks.map(({ text }) => text).join("")).toBe(whole.text);
});

test("a failure before anything was shown has its own status, and one after it ends the stream", async () => {
  const failure = new MeshError("node_lost", "It went away.");
  const before = await post(answering([startedEvent()], failure), { stream: true });
  expect([before.statusCode, before.json().error.message]).toEqual([502, "It went away."]);
  const after = await post(answering([startedEvent(), textEvent(" u")], failure), { stream: true });
  const events = parseSse(after.body);
  expect(JSON.parse(events.at(-1)!).error).toMatchObject({ message: "It went away.", type: "server_error" });
  expect(events).not.toContain("[DONE]");
});

test("faults are in OpenAI's envelope", async () => {
  const response = await post(answering([]), { suffix: "x" });
  expect([response.statusCode, response.json().error]).toEqual([
    400,
    expect.objectContaining({
      param: "suffix",
      code: "unsupported_parameter",
      type: "invalid_request_error",
    }),
  ]);
  const missing = await post(answering([], new MeshError("model_not_found", "No.")));
  expect([missing.statusCode, missing.json().error.code]).toEqual([404, "model_not_found"]);
});
