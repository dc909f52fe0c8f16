import { describe, expect, test } from "vitest";
import { FinishReason } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  answering,
  bearer,
  createTestApp,
  deltaEvent,
  finishedEvent,
  startedEvent,
  textEvent,
} from "../../test/support/translator/translator.ts";

/** What an app that is strict, or is not, says to a body. */
async function post(url: string, body: object, strictKeys = true) {
  const app = createTestApp({ strictKeys });
  const response = await app.inject({ method: "POST", url, headers: bearer, payload: body });
  return { status: response.statusCode, error: response.json().error };
}

const chat = { model: "m", messages: [{ role: "user", content: "hi" }] };
const response = { model: "m", input: "hi" };
const message = { ...chat, max_tokens: 5 };
const paths = {
  chat: "/v1/chat/completions",
  completions: "/v1/completions",
  embeddings: "/v1/embeddings",
  responses: "/v1/responses",
};

const user = (...content: object[]) => ({ ...chat, messages: [{ role: "user", content }] });
const tool = { type: "function", function: { name: "f", parameters: { type: "object", anything: 1 } } };

describe("an unknown key", () => {
  test.each<[string, object, string, string?]>([
    [paths.chat, { ...chat, zzz_unknown: 1 }, "zzz_unknown"],
    [paths.chat, { ...chat, temprature: 1 }, "temprature", "temperature"],
    [paths.chat, { ...chat, maxTokens: 1 }, "maxTokens", "max_tokens"],
    [paths.chat, { ...chat, zzz_unknown: null }, "zzz_unknown"],
    [paths.chat, { ...chat, ["k".repeat(100)]: 1 }, "k".repeat(64)],
    [
      paths.chat,
      { ...chat, messages: [{ role: "user", contents: "hi" }] },
      "messages[0].contents",
      "messages[0].content",
    ],
    [
      paths.chat,
      user({ type: "text", text: "hi", txt: "" }),
      "messages[0].content[0].txt",
      "messages[0].content[0].text",
    ],
    [
      paths.chat,
      user({ type: "image_url", image_url: { url: "x", quality: "low" } }),
      "messages[0].content[0].image_url.quality",
    ],
    [paths.chat, { ...chat, tools: [{ ...tool, zzz: 1 }] }, "tools[0].zzz"],
    [
      paths.chat,
      {
        ...chat,
        response_format: { type: "json_schema", json_schema: { name: "a", schema: {}, scheme: {} } },
      },
      "response_format.json_schema.scheme",
      "response_format.json_schema.schema",
    ],
    [paths.completions, { model: "m", prompt: "a", zzz_unknown: 1 }, "zzz_unknown"],
    [paths.embeddings, { model: "m", input: "a", dimension: 1 }, "dimension", "dimensions"],
    [paths.responses, { ...response, zzz_unknown: 1 }, "zzz_unknown"],
    [paths.responses, { ...response, text: { form: {} } }, "text.form", "text.format"],
    [
      paths.responses,
      { model: "m", input: [{ role: "user", content: [{ type: "input_text", text: "a", b: 1 }] }] },
      "input[0].content[0].b",
    ],
    [
      paths.responses,
      { model: "m", input: [{ type: "item_reference", id: "a", idd: "b" }] },
      "input[0].idd",
      "input[0].id",
    ],
  ])("of %s is refused by its path: %j", async (path, body, param, meant) => {
    expect(await post(path, body)).toEqual({
      status: 400,
      error: {
        message: `Unknown parameter: '${param}'.${meant === undefined ? "" : ` Did you mean '${meant}'?`}`,
        type: "invalid_request_error",
        param,
        code: "unknown_parameter",
      },
    });
    expect((await post(path, body, false)).error?.code).not.toBe("unknown_parameter");
  });

  test.each([
    [{ ...message, zzz_unknown: 1 }, "zzz_unknown"],
    [
      { ...message, messages: [{ role: "user", content: [{ type: "text", text: "a", b: 1 }] }] },
      "messages.0.content.0.b",
    ],
  ])("of /v1/messages is refused in Anthropic's words: %j", async (body, path) => {
    const { status, error } = await post("/v1/messages", body);
    expect(status).toBe(400);
    expect(error.message).toBe(`${path}: Extra inputs are not permitted`);
  });

  test("is reported after what is missing, and before what is wrong", async () => {
    const { messages, ...noMessages } = { ...chat, zzz_unknown: 1 };
    expect((await post(paths.chat, { messages, zzz_unknown: 1 })).error.message).toContain(
      "a model parameter",
    );
    expect((await post(paths.chat, noMessages)).error.param).toBe("messages");
    expect((await post(paths.chat, { ...chat, temperature: "hot", zzz_unknown: 1 })).error.param).toBe(
      "zzz_unknown",
    );
    expect((await post(paths.chat, { ...chat, temperature: "hot" })).error.param).toBe("temperature");
  });
});

describe("a key that is known", () => {
  test.each([
    [
      paths.chat,
      { top_k: 5, min_p: 0.1, repetition_penalty: 1, chat_template_kwargs: { any: { thing: 1 } } },
    ],
    [
      paths.chat,
      {
        think: true,
        format: { type: "object", any: 1 },
        include_reasoning: true,
        reasoning: { effort: "low" },
      },
    ],
    [
      paths.chat,
      { thinking: { type: "enabled" }, ignore_eos: false, add_generation_prompt: true, guided_json: null },
    ],
    [paths.chat, { tools: [tool], metadata: { mine: "x" }, logit_bias: { 5: 1 }, prediction: { any: 1 } }],
    [paths.chat, { ...user({ type: "text", text: "a", cache_control: { type: "ephemeral" } }) }],
    [
      paths.chat,
      {
        messages: [
          {
            role: "assistant",
            content: null,
            refusal: null,
            annotations: [],
            parsed: null,
            tool_calls: [
              { id: "c", type: "function", function: { name: "f", arguments: "{}", parsed_arguments: {} } },
            ],
          },
          { role: "tool", tool_call_id: "c", content: "1" },
        ],
      },
    ],
  ])("of %s stays known: %j", async (path, more) => {
    expect(await post(path, { ...chat, ...more })).toMatchObject({ status: 200 });
  });

  describe("is all that an answer is made of, when it is sent back as it came:", () => {
    const events = [
      startedEvent(),
      deltaEvent({ reasoning: "Hm.", tokenIds: [1] }),
      textEvent("I ask."),
      deltaEvent({ toolCalls: [{ index: 0, id: "call_1", name: "f", argumentsJson: "{}" }], tokenIds: [2] }),
      finishedEvent(FinishReason.TOOL_CALLS),
    ];
    const app = createTestApp({ strictKeys: true, generate: answering(events) });
    const send = async (url: string, body: object) => {
      const answer = await app.inject({ method: "POST", url, headers: bearer, payload: body });
      expect(answer.statusCode, answer.body).toBe(200);
      return answer.json();
    };

    test("a message of chat", async () => {
      const body = { ...chat, tools: [tool] };
      const { choices } = await send(paths.chat, body);
      expect(Object.keys(choices[0].message)).toContain("tool_calls");
      const result = { role: "tool", tool_call_id: "call_1", content: "1" };
      await send(paths.chat, { ...body, messages: [...chat.messages, choices[0].message, result] });
    });

    test("the items of a response", async () => {
      const body = { ...response, tools: [{ type: "function", name: "f", parameters: {}, strict: null }] };
      const { output } = await send(paths.responses, body);
      expect(output.map(({ type }: { type: string }) => type)).toEqual([
        "reasoning",
        "message",
        "function_call",
      ]);
      const result = { type: "function_call_output", call_id: "call_1", output: "1" };
      await send(paths.responses, { ...body, input: [{ role: "user", content: "hi" }, ...output, result] });
    });

    test("the blocks of Anthropic's message", async () => {
      const body = { ...message, tools: [{ name: "f", input_schema: { type: "object" } }] };
      const { role, content } = await send("/v1/messages", body);
      expect(content.map(({ type }: { type: string }) => type)).toEqual(["thinking", "text", "tool_use"]);
      const result = { type: "tool_result", tool_use_id: content[2].id, content: "1" };
      await send("/v1/messages", {
        ...body,
        messages: [...message.messages, { role, content }, { role: "user", content: [result] }],
      });
    });
  });

  test.each([
    ["guided_json", "unsupported_parameter"],
    ["audio", "unsupported_parameter"],
  ])("and cannot be honoured is refused as that: %s", async (name, code) => {
    expect((await post(paths.chat, { ...chat, [name]: { a: 1 } })).error).toMatchObject({
      param: name,
      code,
    });
  });
});
