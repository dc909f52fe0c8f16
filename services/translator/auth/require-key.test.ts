import { describe, expect, test } from "vitest";
import type { Generation } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  answering,
  answerOf,
  createTestApp,
  question,
  testUser,
} from "../../../test/support/translator/translator.ts";
import { wrongKey } from "../errors/http-faults.ts";
import type { Authenticate, Principal } from "./require-key.ts";

const principal: Principal = { userId: testUser, keyId: "key_1", projectId: "project_1", limits: {} };

/** One request of each registration that asks for a key. */
const requests = [
  { surface: "chat completions", method: "POST", url: "/v1/chat/completions", payload: question() },
  { surface: "completions", method: "POST", url: "/v1/completions", payload: { model: "m", prompt: "hi" } },
  { surface: "responses", method: "POST", url: "/v1/responses", payload: { model: "m", input: "hi" } },
  {
    surface: "messages",
    method: "POST",
    url: "/v1/messages",
    payload: { model: "m", max_tokens: 9, messages: [{ role: "user", content: "hi" }] },
  },
  { surface: "models", method: "GET", url: "/v1/models", payload: undefined },
  {
    surface: "models, in Anthropic's way",
    method: "GET",
    url: "/v1/models",
    payload: undefined,
    headers: { "anthropic-version": "2023-06-01" },
  },
] as const;

describe.each(requests)("$surface", ({ method, url, payload, ...more }) => {
  const headers = { authorization: "Bearer any", ...("headers" in more ? more.headers : {}) };
  const ask = (authenticate: Authenticate, generations: Generation[] = []) =>
    createTestApp({
      authenticate,
      generate: (generation, signal) => {
        generations.push(generation);
        return answering(answerOf("Hello"))(generation, signal);
      },
    }).inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });

  test("waits for a key that is looked up elsewhere", async () => {
    const generations: Generation[] = [];
    const { statusCode } = await ask(async () => {
      await new Promise(setImmediate);
      return principal;
    }, generations);
    expect(statusCode).toBe(200);
    for (const { caller } of generations)
      expect(caller).toMatchObject({ userId: testUser, keyId: "key_1", projectId: "project_1" });
    expect(generations).toHaveLength(payload === undefined ? 0 : 1);
  });

  test("is refused when that finds no such key, before anything is generated", async () => {
    const generations: Generation[] = [];
    const { statusCode } = await ask(async () => {
      await new Promise(setImmediate);
      throw wrongKey("any");
    }, generations);
    expect(statusCode).toBe(401);
    expect(generations).toEqual([]);
  });
});

test("a key is looked up for no longer than the client waits, and nothing listens to it afterwards", async () => {
  let signal: AbortSignal | undefined;
  const app = createTestApp({
    authenticate: async (_, given) => {
      signal = given;
      return principal;
    },
  });
  await app.inject({ method: "GET", url: "/v1/models", headers: { authorization: "Bearer any" } });
  // The answer's end closed the response, long after the look-up.
  expect(signal?.aborted).toBe(false);

  const leaving = new AbortController();
  const waiting = Promise.withResolvers<never>();
  const asked = Promise.withResolvers<void>();
  const slow = createTestApp({
    authenticate: (_, given) => {
      given.addEventListener("abort", () => waiting.reject(given.reason));
      asked.resolve();
      return waiting.promise;
    },
  });
  const answer = slow
    .inject({
      method: "GET",
      url: "/v1/models",
      headers: { authorization: "Bearer any" },
      signal: leaving.signal,
    })
    .catch(() => undefined);
  await asked.promise;
  leaving.abort();
  await expect(waiting.promise).rejects.toMatchObject({ kind: "cancelled" });
  await answer;
});
