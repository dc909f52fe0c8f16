import fc from "fast-check";

// Bodies for property tests.

const weather = {
  name: "get_weather",
  description: "The weather in a city.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

const call = {
  id: "call_1",
  type: "function",
  function: { name: "get_weather", arguments: '{"city":"Oslo"}' },
};

/** Valid bodies that together use every parameter. */
const validBodies = (model: string): Record<string, unknown>[] => {
  const messages = [{ role: "user", content: "hi" }];
  return [
    { model, messages },
    {
      model,
      messages: [
        { role: "developer", content: [{ type: "text", text: "Be brief." }] },
        { role: "user", name: "ann", content: [{ type: "text", text: "What is the weather in Oslo?" }] },
        { role: "assistant", content: null, tool_calls: [call] },
        { role: "tool", tool_call_id: "call_1", content: "Clear." },
        { role: "assistant", content: "Clear.", reasoning_content: "It is clear.", refusal: null },
        { role: "user", content: "And now?" },
      ],
      tools: [{ type: "function", function: weather }],
      tool_choice: { type: "function", function: { name: "get_weather" } },
      parallel_tool_calls: false,
    },
    {
      model,
      messages,
      tools: [{ type: "function", function: { ...weather, strict: true } }],
      tool_choice: {
        type: "allowed_tools",
        allowed_tools: { mode: "auto", tools: [{ type: "function", function: { name: "get_weather" } }] },
      },
    },
    { model, messages, functions: [weather], function_call: { name: "get_weather" } },
    {
      model,
      messages,
      temperature: 0.5,
      top_p: 0.9,
      presence_penalty: 0.1,
      frequency_penalty: -0.1,
      n: 2,
      stop: ["x", "y"],
      seed: 7,
      max_tokens: 5,
      max_completion_tokens: 4,
      logprobs: true,
      top_logprobs: 2,
      logit_bias: { "5": 1 },
      top_k: 20,
      min_p: 0.05,
      repetition_penalty: 1.1,
    },
    {
      model,
      messages,
      stream: true,
      stream_options: { include_usage: true, include_obfuscation: false },
      user: "u",
      store: false,
      metadata: { a: "b" },
      service_tier: "auto",
      verbosity: "low",
      modalities: ["text"],
      prompt_cache_key: "k",
      safety_identifier: "s",
      prediction: { type: "content", content: "x" },
    },
    {
      model,
      messages,
      response_format: {
        type: "json_schema",
        json_schema: {
          name: "n",
          strict: true,
          schema: { type: "object", properties: { a: { type: "integer" } } },
        },
      },
      reasoning_effort: "low",
      reasoning: { effort: "low", exclude: true },
      include_reasoning: false,
      think: "low",
      chat_template_kwargs: { enable_thinking: false },
    },
    { model, messages, response_format: { type: "json_object" }, stream: true },
    { model, messages, format: { type: "string", maxLength: 3 }, think: false },
  ];
};

/** A change of one value: replaced, removed or duplicated. */
const change = fc.record({
  /** Which place, as a fraction of their number. */
  place: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  how: fc.constantFrom("replace" as const, "remove" as const, "double" as const),
  value: fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom<unknown>(
      null,
      "",
      [],
      {},
      -1,
      0,
      Number.MAX_VALUE,
      2 ** 53,
      0.5,
      true,
      "\u0000\u2028\ud800",
      "x".repeat(300),
    ),
  ),
});

/** Valid bodies with a few changes: close to real requests, so that faults lie deep. */
export const mutatedBodies = (model: string): fc.Arbitrary<Record<string, unknown>> =>
  fc
    .tuple(fc.constantFrom(...validBodies(model)), fc.array(change, { minLength: 1, maxLength: 3 }))
    .map(([valid, changes]) => {
      const body = structuredClone(valid);
      for (const { place, how, value } of changes) {
        const places = placesOf(body);
        const target = places[Math.floor(place * places.length)];
        if (target === undefined) continue;
        const { parent, key } = target;
        if (how === "remove") delete parent[key];
        else if (how === "replace") parent[key] = value;
        else if (Array.isArray(parent)) parent.push(parent[key as never]);
        else parent[`${key}_`] = parent[key];
      }
      // Holes in arrays become null, as in JSON.
      return JSON.parse(JSON.stringify(body));
    });

/** Every key of every object and array inside a value. */
function placesOf(value: unknown): { parent: Record<string, unknown>; key: string }[] {
  if (typeof value !== "object" || value === null) return [];
  const parent = value as Record<string, unknown>;
  return Object.keys(parent).flatMap((key) => [{ parent, key }, ...placesOf(parent[key])]);
}
