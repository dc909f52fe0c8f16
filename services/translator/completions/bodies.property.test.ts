import fc from "fast-check";
import { expect, test } from "vitest";
import { bearer, createTestApp } from "../../../test/support/translator/translator.ts";

/** A request with something of everything that can be sent. */
const whole: Record<string, unknown> = {
  model: "m",
  prompt: ["Once", "Twice"],
  suffix: "",
  max_tokens: 5,
  n: 2,
  best_of: 2,
  temperature: 1,
  top_p: 0.5,
  presence_penalty: 1,
  frequency_penalty: 1,
  logprobs: 1,
  echo: false,
  logit_bias: { 7: 1 },
  seed: 3,
  stop: ["a"],
  stream: true,
  stream_options: { include_usage: true },
  user: "u",
  top_k: 3,
  min_p: 0.1,
  repetition_penalty: 1.1,
};

test("any JSON in place of any parameter is answered, or refused in the envelope", async () => {
  const app = createTestApp();
  const post = (body: unknown) =>
    app.inject({
      method: "POST",
      url: "/v1/completions",
      headers: { ...bearer, "content-type": "application/json" },
      payload: JSON.stringify(body),
    });
  expect((await post(whole)).statusCode).toBe(200);
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...Object.keys(whole)), fc.jsonValue(), async (name, value) => {
      const response = await post({ ...whole, [name]: value });
      if (response.statusCode === 200) return;
      expect(response.statusCode).toBe(400);
      const { error } = response.json();
      expect(Object.keys(error)).toEqual(["message", "type", "param", "code"]);
      expect(error).toMatchObject({ type: "invalid_request_error", message: expect.stringMatching(/\S/) });
    }),
    { numRuns: 600 },
  );
});
