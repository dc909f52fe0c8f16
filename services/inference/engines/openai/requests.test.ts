import { describe, expect, test } from "vitest";
import { Role, ToolChoice_Mode } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type GenerationInit, generationOf } from "../../../../test/support/inference/fake-engine.ts";
import {
  chunk,
  done,
  engineFor,
  event,
  hello,
  modelList,
  never,
  type Received,
  type Script,
  scriptedServer,
  sendEvents,
  sendJson,
} from "../../../../test/support/inference/openai.ts";
import { transcribe } from "../../transcript.ts";

/** A list in which the server shows itself to be of a kind. */
const listOf = (owned_by: string) => ({ ...modelList(), data: [{ id: "m", object: "model", owned_by }] });

const sayHello = (received: Received) => {
  sendEvents(received, hello);
  received.response.end();
};

/** The requests that answering takes, with their bodies; the server answers as the script says. */
async function requestsFor(
  generations: readonly GenerationInit[],
  {
    owner = "somebody",
    script = sayHello as Script,
    apiKey,
  }: { owner?: string; script?: Script; apiKey?: string } = {},
) {
  const server = await scriptedServer(async (received) => {
    if (received.path === "/v1/models") sendJson(received, listOf(owner));
    else if (received.method === "POST") await script(received);
  });
  try {
    const engine = await engineFor(server, apiKey === undefined ? {} : { apiKey });
    const answers = [];
    for (const init of generations)
      answers.push(
        await transcribe(engine.generate(generationOf(init), never)).catch((error: unknown) => error),
      );
    return { answers, requests: server.received.filter(({ method }) => method === "POST") };
  } finally {
    await server.close();
  }
}

/** The body of the request that a generation becomes. */
const bodyOf = async (init: GenerationInit, owner?: string): Promise<Record<string, unknown>> =>
  (await requestsFor([init], owner === undefined ? {} : { owner })).requests[0]?.body ?? {};

describe("how often a request was handed on from mesh to mesh", () => {
  test.each([
    { caller: undefined, sent: "1" },
    { caller: { hops: 0 }, sent: "1" },
    { caller: { hops: 3 }, sent: "4" },
  ])("goes on as $sent", async ({ caller, sent }) => {
    const { requests } = await requestsFor([caller === undefined ? {} : { caller }]);
    expect(requests[0]?.headers["x-cxmpute-hops"]).toBe(sent);
  });

  test("goes on with the mark that the models of this engine bear, behind those of others", async () => {
    const server = await scriptedServer((received) => {
      if (received.method === "POST") sayHello(received);
    });
    try {
      const engine = await engineFor(server);
      const marks = (await engine.models(never)).map(({ via }) => via);
      expect(marks).toEqual([expect.stringMatching(/^[\w-]{12}$/)]);
      await transcribe(engine.generate(generationOf({ caller: { hops: 2, via: ["one", "two"] } }), never));
      const asked = server.received.find(({ method }) => method === "POST");
      expect(asked?.headers["x-cxmpute-via"]).toBe(`one,two,${marks[0]}`);
      const [other] = await (await engineFor(server)).models(never);
      expect(other?.via).not.toBe(marks[0]);
    } finally {
      await server.close();
    }
  });
});

const say = (role: Role, text: string) => ({
  role,
  parts: [{ part: { case: "text" as const, value: text } }],
});

test("the least that is asked is a stream with its usage, for the server's own name of the model", async () => {
  expect(await bodyOf({})).toEqual({
    model: "m",
    messages: [{ role: "user", content: "What is a mesh?" }],
    stream: true,
    stream_options: { include_usage: true },
  });
});

test("the key goes with every request, and nothing of who asks", async () => {
  const caller = { userId: "alice", requestId: "req_1" };
  const { requests } = await requestsFor([{ caller }], { apiKey: "sk-secret" });
  expect(requests[0]?.headers.authorization).toBe("Bearer sk-secret");
  expect(JSON.stringify([requests[0]?.body, requests[0]?.headers])).not.toMatch(/alice|req_1/);
});

describe("messages", () => {
  const messagesOf = async (messages: NonNullable<GenerationInit["messages"]>) =>
    (await bodyOf({ messages })).messages;

  test("keep their roles, names and order", async () => {
    const messages = [
      say(Role.SYSTEM, "Be brief."),
      { ...say(Role.USER, "Hi"), name: "bob" },
      say(Role.ASSISTANT, "Hello"),
      say(Role.USER, ""),
    ];
    expect(await messagesOf(messages)).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "Hi", name: "bob" },
      { role: "assistant", content: "Hello" },
      { role: "user", content: "" },
    ]);
  });

  test("carry calls, their results and thoughts", async () => {
    const messages = [
      {
        ...say(Role.ASSISTANT, ""),
        parts: [],
        reasoning: "I need the time.",
        toolCalls: [
          { id: "call_1", name: "now", argumentsJson: "" },
          { id: "call_2", name: "add", argumentsJson: '{"b": 2, "a": 1}' },
        ],
      },
      { ...say(Role.TOOL, "12:00"), toolCallId: "call_1" },
    ];
    expect(await messagesOf(messages)).toEqual([
      {
        role: "assistant",
        content: null,
        reasoning_content: "I need the time.",
        tool_calls: [
          { id: "call_1", type: "function", function: { name: "now", arguments: "{}" } },
          { id: "call_2", type: "function", function: { name: "add", arguments: '{"b": 2, "a": 1}' } },
        ],
      },
      { role: "tool", content: "12:00", tool_call_id: "call_1" },
    ]);
  });

  test("carry pictures as data URLs, and texts beside each other as one", async () => {
    const text = (value: string) => ({ part: { case: "text" as const, value } });
    const value = { data: Uint8Array.of(1, 2, 3), mimeType: "image/png", detail: "low" };
    const picture = { part: { case: "image" as const, value } };
    const messages = [
      { role: Role.USER, parts: [text("What is "), text("this?")] },
      { role: Role.USER, parts: [text("And this?"), picture] },
    ];
    expect(await messagesOf(messages)).toEqual([
      { role: "user", content: "What is this?" },
      {
        role: "user",
        content: [
          { type: "text", text: "And this?" },
          { type: "image_url", image_url: { url: "data:image/png;base64,AQID", detail: "low" } },
        ],
      },
    ]);
  });

  test("hold no half characters, which many servers refuse", async () => {
    expect(await messagesOf([say(Role.USER, "a\ud83d b\u0000")])).toEqual([
      { role: "user", content: "a\ufffd b\u0000" },
    ]);
  });
});

describe("tools", () => {
  const parametersJson = '{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"number"}}}';
  const tools = [{ name: "find", description: "Finds.", parametersJson, strict: true }, { name: "now" }];
  const toolsOf = async (init: GenerationInit) => {
    const { tools: sent, tool_choice, parallel_tool_calls } = await bodyOf({ tools, ...init });
    const names = (sent as { function: { name: string } }[] | undefined)?.map((tool) => tool.function.name);
    return { names, tool_choice, parallel_tool_calls };
  };

  test("are sent with their schemas", async () => {
    expect((await bodyOf({ tools })).tools).toEqual([
      {
        type: "function",
        function: {
          name: "find",
          description: "Finds.",
          parameters: JSON.parse(parametersJson),
          strict: true,
        },
      },
      { type: "function", function: { name: "now", parameters: { type: "object", properties: {} } } },
    ]);
  });

  test.each<{ toolChoice: NonNullable<GenerationInit["toolChoice"]>; names?: string[]; choice?: string }>([
    { toolChoice: { mode: ToolChoice_Mode.AUTO }, names: ["find", "now"], choice: "auto" },
    { toolChoice: { mode: ToolChoice_Mode.REQUIRED }, names: ["find", "now"], choice: "required" },
    {
      toolChoice: { mode: ToolChoice_Mode.REQUIRED, allowedNames: ["now"] },
      names: ["now"],
      choice: "required",
    },
    { toolChoice: { mode: ToolChoice_Mode.AUTO, allowedNames: ["find"] }, names: ["find"], choice: "auto" },
    { toolChoice: { mode: ToolChoice_Mode.NONE } },
  ])("are chosen from as $toolChoice says", async ({ toolChoice, names, choice }) => {
    expect(await toolsOf({ toolChoice })).toMatchObject({ names, tool_choice: choice });
  });

  test.each([undefined, true, false])("may be called beside each other: %s", async (parallelToolCalls) => {
    const init = parallelToolCalls === undefined ? {} : { parallelToolCalls };
    expect((await toolsOf(init)).parallel_tool_calls).toBe(parallelToolCalls);
  });

  test("whose schema is no JSON are refused: it could say more than a schema", async () => {
    const evil = [{ name: "f", parametersJson: '{}},"model":"other","x":{"y":{}' }];
    const { answers, requests } = await requestsFor([{ tools: evil }]);
    expect(answers).toMatchObject([{ kind: "invalid_request", param: "tools" }]);
    expect(requests).toEqual([]);
  });
});

test.each<{ format: NonNullable<NonNullable<GenerationInit["outputFormat"]>["format"]>; expected: object }>([
  { format: { case: "jsonObject", value: {} }, expected: { type: "json_object" } },
  {
    format: { case: "jsonSchema", value: { name: "n", schemaJson: '{"type":"object"}', strict: true } },
    expected: { type: "json_schema", json_schema: { name: "n", strict: true, schema: { type: "object" } } },
  },
])("the shape of the text is asked for: $format.case", async ({ format, expected }) => {
  expect((await bodyOf({ outputFormat: { format } })).response_format).toEqual(expected);
});

test("a schema arrives as it was written, with the order of its keys", async () => {
  const schemaJson = '{"type":"object","properties":{"10":{},"9":{},"b":{},"a":{}}}';
  let raw = "";
  const server = await scriptedServer((received) => {
    if (received.method !== "POST") return;
    raw = received.text;
    sendEvents(received, event(chunk({ content: "{}" }, "stop")) + done);
    received.response.end();
  });
  const engine = await engineFor(server);
  const format = { case: "jsonSchema" as const, value: { name: "n", schemaJson } };
  await transcribe(engine.generate(generationOf({ outputFormat: { format } }), never));
  expect(raw).toContain(schemaJson);
  await server.close();
});

describe("sampling", () => {
  test("is said in the names that OpenAI, vLLM and llama-server have for it", async () => {
    const body = await bodyOf({
      sampling: {
        temperature: 0,
        topP: 0.9,
        topK: 40,
        minP: 0.05,
        frequencyPenalty: 0.5,
        presencePenalty: -0.5,
        repetitionPenalty: 1.1,
        seed: 7n,
        logitBias: { 11: -100, 12: 5 },
      },
      limits: { maxTokens: 9 },
      logprobs: { top: 3 },
    });
    expect(body).toMatchObject({
      temperature: 0,
      top_p: 0.9,
      top_k: 40,
      min_p: 0.05,
      frequency_penalty: 0.5,
      presence_penalty: -0.5,
      repetition_penalty: 1.1,
      repeat_penalty: 1.1,
      seed: 7,
      logit_bias: { 11: -100, 12: 5 },
      max_tokens: 9,
      max_completion_tokens: 9,
      logprobs: true,
      top_logprobs: 3,
    });
  });

  test("leaves to the server what is left open, and switches off what is off", async () => {
    const body = await bodyOf({ sampling: { topK: 0 } });
    expect(body.top_k).toBe(-1);
    expect(Object.keys(body)).not.toContain("temperature");
    expect(Object.keys(body)).not.toContain("seed");
  });

  test("asks for one alternative where none is wanted: llama-server would tell nothing", async () => {
    expect((await bodyOf({ logprobs: { top: 0 } })).top_logprobs).toBe(1);
  });

  test.each([
    [0n, 0],
    [2n ** 31n - 1n, 2 ** 31 - 1],
    [-1n, expect.any(Number)],
    [2n ** 63n - 1n, expect.any(Number)],
    [-(2n ** 63n), expect.any(Number)],
  ])("has a seed that every server takes: %d", async (seed, expected) => {
    const sent = (await bodyOf({ sampling: { seed } })).seed as number;
    expect(sent).toEqual(expected);
    expect(sent).toBeGreaterThanOrEqual(0);
    expect(sent).toBeLessThan(2 ** 31);
  });

  test("keeps different seeds different", async () => {
    const seeds = [-1n, 1n, 2n ** 31n, 2n ** 32n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];
    const sent = await Promise.all(seeds.map(async (seed) => (await bodyOf({ sampling: { seed } })).seed));
    expect(new Set(sent).size).toBe(seeds.length);
  });
});

describe("thinking", () => {
  test.each<{ init: GenerationInit; expected: object }>([
    {
      init: { reasoning: { effort: "low" } },
      expected: { reasoning_effort: "low", chat_template_kwargs: { enable_thinking: true, thinking: true } },
    },
    {
      init: { reasoning: { effort: "none" } },
      expected: {
        reasoning_effort: "none",
        chat_template_kwargs: { enable_thinking: false, thinking: false },
      },
    },
    {
      init: { reasoning: { enabled: false } },
      expected: { chat_template_kwargs: { enable_thinking: false, thinking: false } },
    },
    {
      init: { reasoning: { enabled: true }, chatTemplateKwargsJson: '{"thinking":"a little","style":1}' },
      expected: { chat_template_kwargs: { enable_thinking: true, thinking: "a little", style: 1 } },
    },
  ])("is asked for as $init says", async ({ init, expected }) => {
    expect(await bodyOf(init)).toMatchObject(expected);
  });

  test("in words that are no object is refused", async () => {
    const { answers } = await requestsFor([{ chatTemplateKwargsJson: "[1]" }]);
    expect(answers).toMatchObject([{ kind: "invalid_request", param: "chat_template_kwargs" }]);
  });
});

describe("a server that is known", () => {
  test("as llama-server is asked for its progress and its counts", async () => {
    expect(await bodyOf({}, "llamacpp")).toMatchObject({ return_progress: true, timings_per_token: true });
  });

  test.each(["vllm", "sglang"])(
    "as %s is asked for counts with each chunk when the answer may be cut here",
    async (owner) => {
      expect((await bodyOf({}, owner)).stream_options).toEqual({ include_usage: true });
      expect((await bodyOf({ limits: { stop: ["x"] } }, owner)).stream_options).toEqual({
        include_usage: true,
        continuous_usage_stats: true,
      });
    },
  );
});

describe("a member that the server refuses", () => {
  const refusing =
    (name: string, message: string, param?: string): Script =>
    (received) => {
      if (JSON.stringify(received.body).includes(`"${name}"`))
        sendJson(received, { error: { message, param, type: "invalid_request_error" } }, 400);
      else sayHello(received);
    };

  test.each<{ name: string; message: string; param?: string; init: GenerationInit; stays?: string }>([
    { name: "stream_options", message: "Unrecognized request argument supplied: stream_options", init: {} },
    {
      name: "stream_options",
      message: "Extra inputs are not permitted",
      param: "body.stream_options",
      init: {},
    },
    {
      name: "max_tokens",
      message:
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      param: "max_tokens",
      init: { limits: { maxTokens: 5 } },
      stays: "max_completion_tokens",
    },
    {
      name: "max_completion_tokens",
      message: "Unknown parameter: 'max_completion_tokens'.",
      init: { limits: { maxTokens: 5 } },
      stays: "max_tokens",
    },
    {
      name: "repeat_penalty",
      message: "Unknown parameter: 'repeat_penalty'.",
      init: { sampling: { repetitionPenalty: 1.2 } },
      stays: "repetition_penalty",
    },
    {
      name: "parallel_tool_calls",
      message: "Unknown parameter: 'parallel_tool_calls'.",
      init: { tools: [{ name: "now" }], parallelToolCalls: false },
    },
    {
      name: "continue_final_message",
      message: "Unknown parameter: 'continue_final_message'.",
      init: { resume: { text: "Well" } },
    },
    {
      name: "add_generation_prompt",
      message: "'add_generation_prompt': Extra inputs are not permitted",
      init: { resume: { text: "Well" } },
    },
    {
      name: "reasoning_content",
      message: "Unknown parameter: 'messages[0].reasoning_content'.",
      init: { messages: [{ ...say(Role.ASSISTANT, "a"), reasoning: "b" }] },
    },
  ])(
    "and can do without is left out, and not sent again: $name",
    async ({ name, message, param, init, stays }) => {
      const { answers, requests } = await requestsFor([init, init], {
        script: refusing(name, message, param),
      });
      expect(answers).toMatchObject([{ text: "Hello" }, { text: "Hello" }]);
      expect(requests.map(({ text }) => text.includes(`"${name}"`))).toEqual([true, false, false]);
      if (stays !== undefined) expect(requests.every(({ text }) => text.includes(`"${stays}"`))).toBe(true);
    },
  );

  test.each<{ name: string; message: string; init: GenerationInit; other: GenerationInit }>([
    {
      name: "reasoning_effort",
      message: "Input should be 'low', 'medium' or 'high'",
      init: { reasoning: { effort: "max" } },
      other: { reasoning: { effort: "low" } },
    },
    {
      name: "chat_template_kwargs",
      message: "Unknown parameter: 'chat_template_kwargs'.",
      init: { reasoning: { enabled: true } },
      other: { chatTemplateKwargsJson: '{"style":1}' },
    },
  ])("by its value is left out of this request alone: $name", async ({ name, message, init, other }) => {
    const { answers, requests } = await requestsFor([init, other], { script: refusing(name, message, name) });
    expect(answers[0]).toMatchObject({ text: "Hello" });
    expect(requests.slice(0, 3).map(({ text }) => text.includes(`"${name}"`))).toEqual([true, false, true]);
  });

  test("that says what the caller wants of the template is the caller's to leave out", async () => {
    const { answers } = await requestsFor([{ chatTemplateKwargsJson: '{"style":1}' }], {
      script: refusing("chat_template_kwargs", "Unknown parameter: 'chat_template_kwargs'."),
    });
    expect(answers).toMatchObject([{ kind: "invalid_request", param: "chat_template_kwargs" }]);
  });

  test("and that asks to go on with an answer stays in it, when it is the answer that cannot be gone on with", async () => {
    const message =
      "continue_final_message is set but the final message does not appear in the chat after applying the chat template!";
    const { answers, requests } = await requestsFor([{ resume: { text: "Well" } }], {
      script: refusing("continue_final_message", message),
    });
    expect(answers).toMatchObject([{ kind: "invalid_request" }]);
    expect(requests).toHaveLength(1);
  });

  test.each<{ name: string; init: GenerationInit }>([
    { name: "top_k", init: { sampling: { topK: 3 } } },
    { name: "logit_bias", init: { sampling: { logitBias: { 1: 1 } } } },
    { name: "response_format", init: { outputFormat: { format: { case: "jsonObject", value: {} } } } },
    { name: "seed", init: { sampling: { seed: 1n } } },
  ])("and that says what the answer is to be is the caller's to leave out: $name", async ({ name, init }) => {
    const message = `Unknown parameter: '${name}'.`;
    const { answers, requests } = await requestsFor([init], { script: refusing(name, message) });
    expect(answers).toMatchObject([{ kind: "invalid_request", param: name }]);
    expect(requests).toHaveLength(1);
  });
});

describe("a limit of tokens that does not fit behind its prompt", () => {
  const refuse =
    (message: string): Script =>
    (received) => {
      if (Number(received.body?.max_tokens) > 96)
        sendJson(received, { object: "error", message, code: 400 }, 400);
      else sayHello(received);
    };

  test.each([
    "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4000 in the messages, 1000 in the completion).",
    "'max_tokens' or 'max_completion_tokens' is too large: 1000. This model's maximum context length is 4096 tokens and your request has 4000 input tokens (1000 > 4096 - 4000).",
    "You passed 4000 input tokens and requested 1000 output tokens. However, the model's context length is only 4096 tokens.",
    "Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a total of 5000 tokens: 4000 tokens from the input messages and 1000 tokens for the completion.",
  ])("is lowered to what does: %s", async (message) => {
    const { answers, requests } = await requestsFor([{ limits: { maxTokens: 1000 } }], {
      script: refuse(message),
    });
    expect(answers).toMatchObject([{ text: "Hello" }]);
    expect(requests.map(({ body }) => [body?.max_tokens, body?.max_completion_tokens])).toEqual([
      [1000, 1000],
      [96, 96],
    ]);
  });
});

describe("a raw prompt", () => {
  const text = event({ choices: [{ index: 0, text: " upon a time", finish_reason: "stop" }] }) + done;
  const script: Script = (received) => {
    sendEvents(received, text);
    received.response.end();
  };
  type RawPrompt = NonNullable<GenerationInit["rawPrompt"]>["prompt"];
  const ask = async (prompt: RawPrompt, init: GenerationInit = {}, owner = "somebody") => {
    const rawPrompt = { prompt: prompt! };
    const { answers, requests } = await requestsFor([{ messages: [], rawPrompt, ...init }], {
      script,
      owner,
    });
    return { answer: answers[0], request: requests[0]! };
  };

  test("goes to /completions as it stands", async () => {
    const { answer, request } = await ask(
      { case: "text", value: "Once" },
      { limits: { maxTokens: 4 }, logprobs: { top: 2 } },
    );
    expect(answer).toMatchObject({ text: " upon a time" });
    expect(request.path).toBe("/v1/completions");
    expect(request.body).toEqual({
      model: "m",
      prompt: "Once",
      max_tokens: 4,
      logprobs: 2,
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  test("may be tokens", async () => {
    const { request } = await ask({ case: "tokens", value: { ids: [5, 6] } });
    expect(request.body?.prompt).toEqual([5, 6]);
  });

  test("without a limit may fill the context, which servers take for 16 tokens when nothing is said", async () => {
    const once = { case: "text" as const, value: "Once" };
    expect((await ask(once)).request.body?.max_tokens).toBe(4096 - 5);
    expect((await ask(once, {}, "llamacpp")).request.body?.max_tokens).toBe(4096);
    expect((await ask({ case: "tokens", value: { ids: [1, 2, 3] } })).request.body?.max_tokens).toBe(4093);
  });
});

describe("embeddings", () => {
  const inputs = ["a", "b"].map((value) => ({ prompt: { case: "text" as const, value } }));
  const ask = async (body: unknown) => {
    const script: Script = (received) => sendJson(received, body);
    const { answers, requests } = await requestsFor([{ messages: [], embedding: { inputs } }], { script });
    return { answer: answers[0], request: requests[0]! };
  };
  const vector = (index: number, embedding: unknown) => ({ object: "embedding", index, embedding });

  test("are asked for in one request and come in order, at length 1", async () => {
    const { answer, request } = await ask({
      data: [vector(1, [0, 2]), vector(0, [3, 4])],
      usage: { prompt_tokens: 7 },
    });
    expect(request.path).toBe("/v1/embeddings");
    expect(request.body).toEqual({ model: "m", input: ["a", "b"], encoding_format: "float" });
    expect(answer).toMatchObject({
      embeddings: [
        { index: 0, values: [0.6, 0.8] },
        { index: 1, values: [0, 1] },
      ],
      usage: { promptTokens: 7, completionTokens: 0 },
    });
  });

  test("are read from base64 and from nested lists too", async () => {
    const base64 = Buffer.from(Float32Array.of(0, 1).buffer).toString("base64");
    const { answer } = await ask({ data: [vector(0, base64), vector(1, [[1, 0]])] });
    expect(answer).toMatchObject({ embeddings: [{ values: [0, 1] }, { values: [1, 0] }] });
  });

  test.each([
    { because: "one is missing", data: [vector(0, [1])] },
    { because: "one is there twice", data: [vector(0, [1]), vector(0, [1])] },
    { because: "one is empty", data: [vector(0, [1]), vector(1, [])] },
    { because: "they differ in size", data: [vector(0, [1]), vector(1, [1, 0])] },
    { because: "one is no number", data: [vector(0, [1]), vector(1, [null])] },
  ])("are a failure when $because", async ({ data }) => {
    expect((await ask({ data })).answer).toMatchObject({
      kind: "engine_failed",
      message: "The engine of `m` did not send one vector for each of 2 inputs.",
    });
  });

  test.each([
    { body: { error: { message: "boom" } }, kind: "engine_failed" },
    {
      body: {
        error: {
          message:
            "input (600 tokens) is too large to process. increase the physical batch size (current batch size: 512)",
          type: "server_error",
          code: 500,
        },
      },
      kind: "invalid_request",
    },
  ])("with an error inside are a $kind", async ({ body, kind }) => {
    expect((await ask(body)).answer).toMatchObject({ kind });
  });
});

test("what llama-server says of an input that is too long for its batch is told by its own name", async () => {
  const message =
    "input (600 tokens) is too large to process. increase the physical batch size (current batch size: 512)";
  const { answers } = await requestsFor(
    [{ messages: [], embedding: { inputs: [{ prompt: { case: "text", value: "long" } }] } }],
    {
      script: (received) => sendJson(received, { error: { code: 500, message, type: "server_error" } }, 500),
    },
  );
  expect(answers).toMatchObject([
    {
      kind: "invalid_request",
      code: "context_length_exceeded",
      param: "input",
      message:
        "This model's maximum context length is 512 tokens. However, your input resulted in 600 tokens. Please reduce the length of the input.",
    },
  ]);
});

test("a half-told answer in one chunk is read: role, text, reason and usage together", async () => {
  const script: Script = (received) => {
    const usage = { prompt_tokens: 3, completion_tokens: 1 };
    sendEvents(received, event(chunk({ role: "assistant", content: "Hi" }, "stop", { usage })));
    received.response.end();
  };
  const { answers } = await requestsFor([{}], { script });
  expect(answers).toMatchObject([{ text: "Hi", usage: { promptTokens: 3, completionTokens: 1 } }]);
});

describe("the prefix cache", () => {
  const from = (cacheSalt: string): GenerationInit => ({ caller: { userId: "u", cacheSalt } });
  const sentFor = async (generations: readonly GenerationInit[], owner: string) =>
    (await requestsFor(generations, { owner })).requests.map(({ headers, body }) => [
      body?.cache_salt,
      headers["x-cxmpute-cache-salt"],
      body?.cache_prompt,
    ]);

  test.each([
    { owner: "vllm", salted: ["s", undefined, undefined] },
    { owner: "cxmpute-mesh", salted: [undefined, "s", undefined] },
    { owner: "llamacpp", salted: [undefined, undefined, undefined] },
    { owner: "somebody", salted: [undefined, undefined, undefined] },
  ])("of $owner is given a caller's salt, and none where all share it", async ({ owner, salted }) => {
    const nothing = [undefined, undefined, undefined];
    expect(await sentFor([from("s")], owner)).toEqual([salted]);
    expect(await sentFor([from("")], owner)).toEqual([nothing]);
  });

  test("of llama-server is used while one caller is alone with it, whom probes do not disturb", async () => {
    const sent = await sentFor([{}, from("a"), {}, from("a"), from("b"), from("a"), from("")], "llamacpp");
    expect(sent.map(([, , cachePrompt]) => cachePrompt)).toEqual([
      ...[undefined, undefined, undefined, undefined],
      ...[false, false, false],
    ]);
  });

  const cachedTokens = async (init: GenerationInit, owner: string, refuses = false) => {
    const usage = {
      prompt_tokens: 9,
      completion_tokens: 1,
      prompt_tokens_details: { cached_tokens: 4 },
    };
    const script = (received: Received) => {
      if (refuses && received.body?.cache_salt !== undefined)
        return sendJson(received, { error: { message: "unknown field: cache_salt" } }, 400);
      sendEvents(
        received,
        event(chunk({ content: "Hi" })) + event(chunk({}, "stop")) + event({ choices: [], usage }) + done,
      );
      received.response.end();
    };
    const { answers } = await requestsFor([init], { owner, script });
    return (answers[0] as Awaited<ReturnType<typeof transcribe>>).usage?.cachedTokens;
  };

  test("is reported only where it holds the caller's own prompts, or all share it", async () => {
    expect(await cachedTokens(from("s"), "vllm")).toBe(4);
    expect(await cachedTokens(from("s"), "cxmpute-mesh")).toBe(4);
    expect(await cachedTokens(from(""), "somebody")).toBe(4);
    expect(await cachedTokens(from("s"), "somebody")).toBe(0);
    expect(await cachedTokens(from("s"), "llamacpp")).toBe(0);
    expect(await cachedTokens(from("s"), "vllm", true)).toBe(0);
  });
});
