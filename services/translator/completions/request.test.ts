import { expect, test } from "vitest";
import { parseCompletionRequest } from "./request.ts";

const parse = (more: Record<string, unknown> = {}) =>
  parseCompletionRequest({ model: "m", prompt: "Once", ...more });

test("the shortest request continues one text, for 16 tokens, with this service's own temperature", () => {
  const { generations, ...rest } = parse();
  expect(generations).toHaveLength(1);
  expect(generations[0]).toMatchObject({
    model: "m",
    messages: [],
    rawPrompt: { prompt: { case: "text", value: "Once" } },
    sampling: { temperature: 0.7 },
    limits: { maxTokens: 16, stop: [] },
  });
  expect(generations[0]?.logprobs).toBeUndefined();
  expect(rest).toEqual({
    model: "m",
    echoes: [""],
    choices: 1,
    stream: false,
    includeUsage: false,
    logprobs: false,
  });
});

test.each([
  { prompt: ["a", "b"], prompts: ["a", "b"] },
  { prompt: [1, 2], prompts: [[1, 2]] },
  { prompt: [[1, 2], [3]], prompts: [[1, 2], [3]] },
])("prompt $prompt asks for $prompts.length", ({ prompt, prompts }) => {
  const { generations } = parse({ prompt });
  expect(
    generations.map(({ rawPrompt }) => {
      const { prompt } = rawPrompt!;
      return prompt.case === "tokens" ? prompt.value.ids : prompt.value;
    }),
  ).toEqual(prompts);
});

test("sampling and limits go over as they are", () => {
  const [generation] = parse({
    max_tokens: 5,
    temperature: 1.5,
    top_p: 0.5,
    top_k: 9,
    min_p: 0.1,
    presence_penalty: 1,
    frequency_penalty: -1,
    repetition_penalty: 1.1,
    logit_bias: { 7: -100 },
    seed: 3,
    stop: ["a", "b"],
    logprobs: 2,
  }).generations;
  expect(generation).toMatchObject({
    sampling: {
      temperature: 1.5,
      topP: 0.5,
      topK: 9,
      minP: 0.1,
      presencePenalty: 1,
      frequencyPenalty: -1,
      repetitionPenalty: 1.1,
      logitBias: { 7: -100 },
      seed: 3n,
    },
    limits: { maxTokens: 5, stop: ["a", "b"] },
    logprobs: { top: 2 },
  });
});

test("each prompt is echoed by itself", () => {
  expect(parse({ prompt: ["a", "b"], echo: true }).echoes).toEqual(["a", "b"]);
});

test("hints, and what asks for nothing, are taken", () => {
  const nothing = { suffix: "", best_of: 1, user: "u", logprobs: null, stream: null, service_tier: "auto" };
  expect(parse(nothing)).toEqual(parse());
  expect(parse({ n: 2, best_of: 2 }).choices).toBe(2);
});

test.each<[Record<string, unknown>, string | undefined, string | undefined]>([
  [{ model: "" }, undefined, undefined],
  [{ prompt: null }, "prompt", "missing_required_parameter"],
  [{ prompt: 5 }, "prompt", "invalid_type"],
  [{ prompt: "" }, "prompt", "empty_string"],
  [{ prompt: [] }, "prompt", "empty_array"],
  [{ prompt: Array(17).fill("a") }, "prompt", "array_above_max_length"],
  [{ prompt: [-1] }, "prompt[0]", undefined],
  [{ prompt: [[]] }, "prompt[0]", undefined],
  [{ suffix: "the end" }, "suffix", "unsupported_parameter"],
  [{ max_tokens: 0 }, "max_tokens", "integer_below_min_value"],
  [{ n: 9 }, "n", "integer_above_max_value"],
  [{ n: 2, best_of: 1 }, "best_of", undefined],
  [{ best_of: 3 }, "best_of", "unsupported_value"],
  [{ logprobs: 6 }, "logprobs", "integer_above_max_value"],
  [{ logprobs: true }, "logprobs", "invalid_type"],
  [{ echo: true, logprobs: 0 }, "echo", undefined],
  [{ echo: true, prompt: [1, 2] }, "echo", undefined],
  [{ stream_options: {} }, "stream_options", undefined],
  [{ stop: ["a", "b", "c", "d", "e"] }, "stop", "array_above_max_length"],
  [{ guided_json: {} }, "guided_json", "unsupported_parameter"],
])("%j is refused at %s", (more, param, code) => {
  let error: unknown;
  try {
    parse(more);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ kind: "invalid_request", param });
  if (code !== undefined) expect(error).toMatchObject({ code });
});
