import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import {
  CallerSchema,
  type Message,
  ToolChoice_Mode as Mode,
  Role,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { question } from "../../../../test/support/translator/translator.ts";
import { fanOut } from "../../answers/choices.ts";
import { parseChatRequest } from "./index.ts";

const parse = (more: Record<string, unknown> = {}) => parseChatRequest(question(more));
const generationOf = (more: Record<string, unknown> = {}) => parse(more).generation;
const messagesOf = (...messages: unknown[]) => generationOf({ messages }).messages;
const textOf = (message: Message | undefined) => message?.parts.map(({ part }) => part.value);

const png = "data:image/png;base64,iVBORw0KGgoAAAAN";

describe("a short request", () => {
  test("leaves everything to the engine but the temperature", () => {
    const { generation, ...rest } = parse();
    expect(rest).toEqual({
      remoteImages: [],
      choices: 1,
      stream: false,
      includeUsage: false,
      includeReasoning: true,
      legacyFunctions: false,
    });
    expect(generation.sampling).toMatchObject({ temperature: 0.7, logitBias: {} });
    expect(generation.sampling?.topP).toBeUndefined();
    expect(generation.sampling?.seed).toBeUndefined();
    expect(generation.limits?.maxTokens).toBeUndefined();
    expect(generation.toolChoice).toBeUndefined();
    expect(generation.outputFormat).toBeUndefined();
    expect(generation.logprobs).toBeUndefined();
    expect(generation.reasoning).toBeUndefined();
  });

  test("may say null wherever it could say nothing", () => {
    const optional = [
      ["functions", "function_call", "tools", "tool_choice", "parallel_tool_calls", "max_completion_tokens"],
      [
        "max_tokens",
        "n",
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "logprobs",
        "stop",
      ],
      ["top_logprobs", "logit_bias", "user", "seed", "stream", "stream_options", "response_format", "audio"],
      ["reasoning_effort", "modalities", "verbosity", "service_tier", "store", "metadata", "prediction"],
      ["top_k", "min_p", "repetition_penalty", "chat_template_kwargs", "reasoning", "think", "format"],
    ].flat();
    const nulls = Object.fromEntries(optional.map((name) => [name, null]));
    expect(parse(nulls)).toEqual(parse());
  });

  test.each([undefined, false])(
    "may have its last turn gone on with, when add_generation_prompt is %s",
    (add_generation_prompt) => {
      const begun = {
        role: "assistant",
        content: [
          { type: "text", text: "Once upon" },
          { type: "text", text: " a ti" },
        ],
      };
      const messages = [{ role: "user", content: "Tell me a story." }, begun];
      const { generation } = parse({ messages, continue_final_message: true, add_generation_prompt });
      expect(generation.messages).toEqual(parse({ messages: messages.slice(0, 1) }).generation.messages);
      expect(generation.resume).toMatchObject({
        text: "Once upon a ti",
        tokenIds: [],
        fingerprint: "",
        beingRead: false,
      });
      expect(parse({ messages, continue_final_message: false }).generation.resume).toBeUndefined();
    },
  );

  test("may switch off what cannot be switched on", () => {
    const off = {
      ...{ echo: false, continue_final_message: false, use_beam_search: false, add_generation_prompt: true },
      ...{ min_tokens: 0, stop_token_ids: [], bad_words: [], documents: [], guided_json: null, audio: null },
    };
    expect(parse(off)).toEqual(parse());
  });

  test("may hold hints and unknown keys", () => {
    const hints = {
      verbosity: "low",
      service_tier: "flex",
      store: true,
      metadata: { a: "b" },
      user: "u",
      safety_identifier: "s",
      prompt_cache_key: "k",
      prompt_cache_retention: "24h",
      prediction: { type: "content", content: "x" },
      modalities: ["text"],
      ignore_eos: true,
      thinking: { type: "enabled" },
      zzz_unknown: [1, { deep: true }],
    };
    expect(parse(hints)).toEqual(parse());
  });
});

describe("sampling", () => {
  test("is taken over", () => {
    expect(
      generationOf({
        temperature: 0,
        top_p: 0.5,
        top_k: 40,
        min_p: 0.1,
        frequency_penalty: -2,
        presence_penalty: 2,
        repetition_penalty: 1.1,
        seed: -7,
        logit_bias: { "5": -100, "4294967295": 1.5 },
      }).sampling,
    ).toMatchObject({
      temperature: 0,
      topP: 0.5,
      topK: 40,
      minP: 0.1,
      frequencyPenalty: -2,
      presencePenalty: 2,
      repetitionPenalty: 1.1,
      seed: -7n,
      logitBias: { 5: -100, 4294967295: 1.5 },
    });
  });

  test("switches top_k off in vLLM's way", () => {
    expect(generationOf({ top_k: -1 }).sampling?.topK).toBe(0);
  });

  test.each([
    [2 ** 63, 2n ** 63n - 1n],
    [-(2 ** 63), -(2n ** 63n)],
    [0, 0n],
  ])("keeps the seed %d within 64 bits", (seed, expected) => {
    expect(generationOf({ seed }).sampling?.seed).toBe(expected);
  });

  test.each(["-1", "1.5", "4294967296", "", " 1", "1e3"])("refuses a bias on the token %j", (key) => {
    expect(() => generationOf({ logit_bias: { [key]: 1 } })).toThrow("Invalid key in 'logit_bias'");
  });
});

describe("limits", () => {
  test("prefer the newer name", () => {
    expect(generationOf({ max_tokens: 5 }).limits?.maxTokens).toBe(5);
    expect(generationOf({ max_tokens: 5, max_completion_tokens: 7 }).limits?.maxTokens).toBe(7);
    expect(generationOf({ max_tokens: 1e15 }).limits?.maxTokens).toBe(2 ** 32 - 1);
  });

  test("take a stop alone or in a list", () => {
    expect(generationOf({ stop: "END" }).limits?.stop).toEqual(["END"]);
    expect(generationOf({ stop: ["a", "b"] }).limits?.stop).toEqual(["a", "b"]);
    expect(generationOf({ stop: [] }).limits?.stop).toEqual([]);
  });
});

describe("messages", () => {
  test("keep their roles; a developer is the system", () => {
    const roles = messagesOf(
      { role: "developer", content: "a" },
      { role: "system", content: "b" },
      { role: "user", content: "c", name: "ann" },
      { role: "assistant", content: "d" },
    );
    expect(roles.map(({ role }) => role)).toEqual([Role.SYSTEM, Role.SYSTEM, Role.USER, Role.ASSISTANT]);
    expect(roles[2]?.name).toBe("ann");
  });

  test("join neighbouring texts without anything in between, in every role", () => {
    const content = [
      { type: "text", text: "a" },
      { type: "text", text: "b" },
    ];
    for (const role of ["system", "developer", "user", "assistant"])
      expect(textOf(messagesOf({ role, content })[0])).toEqual(["ab"]);
    expect(textOf(messagesOf({ role: "user", content: "" })[0])).toEqual([]);
    expect(textOf(messagesOf({ role: "user", content: [] })[0])).toEqual([]);
  });

  test("keep images in their place, whatever format the label claims", () => {
    const [message] = messagesOf({
      role: "user",
      content: [
        { type: "text", text: "a" },
        { type: "image_url", image_url: { url: png.replace("png", "jpeg"), detail: "low" } },
        { type: "image_url", image_url: png },
        { type: "text", text: "b" },
      ],
    });
    expect(message?.parts.map(({ part }) => part.case)).toEqual(["text", "image", "image", "text"]);
    expect(message?.parts[1]?.part.value).toMatchObject({ mimeType: "image/png", detail: "low" });
    expect(message?.parts[2]?.part.value).toMatchObject({ mimeType: "image/png", detail: "" });
  });

  test("pair results with calls; empty arguments are none", () => {
    const [, call, result] = messagesOf(
      { role: "user", content: "2+3?" },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c1", type: "function", function: { name: "add", arguments: "" } }],
      },
      { role: "tool", tool_call_id: "c1", content: [{ type: "text", text: "5" }] },
    );
    expect(call?.toolCalls).toMatchObject([{ id: "c1", name: "add", argumentsJson: "{}" }]);
    expect(result).toMatchObject({ role: Role.TOOL, toolCallId: "c1" });
    expect(textOf(result)).toEqual(["5"]);
  });

  test("translate the legacy form of calls", () => {
    const [, call, result] = messagesOf(
      { role: "user", content: "2+3?" },
      { role: "assistant", content: null, function_call: { name: "add", arguments: '{"a":2}' } },
      { role: "function", name: "add", content: "5" },
    );
    expect(call?.toolCalls).toMatchObject([{ name: "add", argumentsJson: '{"a":2}' }]);
    expect(result?.role).toBe(Role.TOOL);
    expect(result?.toolCallId).toBe(call?.toolCalls[0]?.id);
  });

  test("keep reasoning under either name, and refusals as text", () => {
    const [a, b, c, d] = messagesOf(
      { role: "assistant", content: "x", reasoning: "r" },
      { role: "assistant", content: "x", reasoning_content: "s" },
      { role: "assistant", content: null, refusal: "no" },
      { role: "assistant", content: "x", tool_calls: [] },
    );
    expect([a?.reasoning, b?.reasoning]).toEqual(["r", "s"]);
    expect(textOf(c)).toEqual(["no"]);
    expect(d?.toolCalls).toEqual([]);
  });
});

describe("tools", () => {
  const parameters = { type: "object", properties: { z: { type: "number" }, a: { $ref: "#/$defs/x" } } };
  const tools = ["f", "g"].map((name) => ({
    type: "function",
    function: { name, parameters, strict: true },
  }));

  test("keep the order of the keys of their schemas", () => {
    const [tool] = generationOf({ tools }).tools;
    expect(tool).toMatchObject({ name: "f", description: "", strict: true });
    expect(tool?.parametersJson).toBe(JSON.stringify(parameters));
    expect(generationOf({ tools: [{ type: "function", function: { name: "f" } }] }).tools[0]).toMatchObject({
      parametersJson: "",
      strict: false,
    });
  });

  test.each([
    { choice: "none", mode: Mode.NONE, names: [] },
    { choice: "auto", mode: Mode.AUTO, names: [] },
    { choice: "required", mode: Mode.REQUIRED, names: [] },
    { choice: { type: "function", function: { name: "g" } }, mode: Mode.REQUIRED, names: ["g"] },
    {
      choice: { type: "allowed_tools", allowed_tools: { mode: "auto", tools: [tools[1]] } },
      mode: Mode.AUTO,
      names: ["g"],
    },
  ])("are chosen by $choice", ({ choice, mode, names }) => {
    expect(generationOf({ tools, tool_choice: choice }).toolChoice).toMatchObject({
      mode,
      allowedNames: names,
    });
  });

  test("are one at a time when the request says so, or uses the legacy form", () => {
    expect(generationOf({ tools }).parallelToolCalls).toBeUndefined();
    expect(generationOf({ tools, parallel_tool_calls: false }).parallelToolCalls).toBe(false);
    expect(generationOf({ parallel_tool_calls: false }).parallelToolCalls).toBeUndefined();
    const legacy = parse({ functions: [{ name: "f" }], function_call: { name: "f" } });
    expect(legacy.legacyFunctions).toBe(true);
    expect(legacy.generation.parallelToolCalls).toBe(false);
    expect(legacy.generation.toolChoice).toMatchObject({ mode: Mode.REQUIRED, allowedNames: ["f"] });
  });
});

describe("the form of the answer", () => {
  const schema = { type: "object", properties: { b: {}, a: {} } };
  const formatOf = (more: Record<string, unknown>) => generationOf(more).outputFormat?.format;

  test("comes from OpenAI's parameter or Ollama's", () => {
    expect(formatOf({ response_format: { type: "text" } })).toBeUndefined();
    expect(formatOf({ response_format: { type: "json_object" } })?.case).toBe("jsonObject");
    expect(formatOf({ format: "json" })?.case).toBe("jsonObject");
    expect(formatOf({ format: schema })?.value).toMatchObject({ schemaJson: JSON.stringify(schema) });
    expect(
      formatOf({ response_format: { type: "json_schema", json_schema: { name: "n", schema, strict: true } } })
        ?.value,
    ).toMatchObject({ name: "n", schemaJson: JSON.stringify(schema), strict: true });
    expect(formatOf({ response_format: { type: "json_object", schema } })?.case).toBe("jsonSchema");
    expect(formatOf({ response_format: { type: "text" }, format: "json" })).toBeUndefined();
  });
});

describe("thinking", () => {
  test.each([
    [{ reasoning_effort: "low" }, { effort: "low" }],
    [{ reasoning_effort: "none" }, { effort: "none", enabled: false }],
    [{ reasoning: { effort: "high" } }, { effort: "high" }],
    [{ reasoning: { enabled: true } }, { effort: "", enabled: true }],
    [{ think: true }, { effort: "", enabled: true }],
    [{ think: "medium" }, { effort: "medium" }],
  ])("is asked for by %j", (more, expected) => {
    expect(generationOf(more).reasoning).toMatchObject(expected);
  });

  test("is hidden on request, and template variables are passed on as text", () => {
    expect(parse({ include_reasoning: false }).includeReasoning).toBe(false);
    expect(parse({ reasoning: { exclude: true } }).includeReasoning).toBe(false);
    expect(generationOf({ chat_template_kwargs: { b: 1, a: 2 } }).chatTemplateKwargsJson).toBe(
      '{"b":1,"a":2}',
    );
  });
});

test("log probabilities are asked for with or without alternatives", () => {
  expect(generationOf({ logprobs: true }).logprobs?.top).toBe(0);
  expect(generationOf({ logprobs: true, top_logprobs: 5 }).logprobs?.top).toBe(5);
  expect(generationOf({ logprobs: false }).logprobs).toBeUndefined();
});

describe("several answers", () => {
  const caller = create(CallerSchema, { userId: "u", requestId: "r" });
  const choicesOf = (more: Record<string, unknown> = {}) => {
    const { generation, choices } = parse(more);
    return fanOut(generation, choices, "chatcmpl-1", caller);
  };

  test("are generations of their own, with seeds of their own when a seed is given", () => {
    const generations = choicesOf({ n: 3, seed: 41 });
    expect(generations.map(({ id }) => id)).toEqual(["chatcmpl-1-0", "chatcmpl-1-1", "chatcmpl-1-2"]);
    expect(generations.map(({ sampling }) => sampling?.seed)).toEqual([41n, 42n, 43n]);
    for (const generation of generations) expect(generation.caller).toBe(caller);
    expect(choicesOf({ n: 2 })[1]?.sampling?.seed).toBeUndefined();
  });

  test("wrap the largest seed around", () => {
    const [, second] = choicesOf({ n: 2, seed: 2 ** 63 });
    expect(second?.sampling?.seed).toBe(-(2n ** 63n));
  });

  test("are not counted in the id of a single one", () => {
    expect(choicesOf().map(({ id }) => id)).toEqual(["chatcmpl-1"]);
  });
});

test("whatever JSON comes, it is accepted or refused on purpose", () => {
  const value = fc.jsonValue({ maxDepth: 4 });
  const names = [
    ["tools", "tool_choice", "response_format", "stop", "logit_bias", "metadata", "n", "seed", "format"],
    ["functions", "function_call", "think", "reasoning", "stream_options", "modalities", "zzz"],
  ].flat();
  const body = fc.record(
    {
      model: fc.oneof(fc.constant("m"), value),
      messages: fc.oneof(
        fc.array(fc.record({ role: fc.constantFrom("user", "assistant", "tool"), content: value })),
        value,
      ),
      ...Object.fromEntries(names.map((name) => [name, value])),
    },
    { requiredKeys: ["model", "messages"] },
  );
  fc.assert(
    fc.property(body, (raw) => {
      try {
        parseChatRequest(raw as Record<string, unknown>);
      } catch (error) {
        expect(error).toBeInstanceOf(MeshError);
        expect((error as MeshError).kind).toBe("invalid_request");
      }
    }),
    { numRuns: 500 },
  );
});
