import { describe, expect, test } from "vitest";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { question } from "../../../../test/support/translator/translator.ts";
import { parseChatRequest } from "./index.ts";

const faultOf = (body: Record<string, unknown>) => {
  try {
    parseChatRequest(body);
  } catch (error) {
    if (error instanceof MeshError)
      return {
        status: error.row.http,
        message: error.message,
        param: error.param ?? null,
        code: error.code ?? null,
      };
    throw error;
  }
  throw new Error("It was accepted.");
};

const user = { role: "user", content: "hi" };
const messages = (...list: unknown[]) => question({ messages: list });
const tool = (name: string, parameters?: unknown) => ({ type: "function", function: { name, parameters } });
const calling = (id: string) => ({
  role: "assistant",
  content: null,
  tool_calls: [{ id, type: "function", function: { name: "f", arguments: "{}" } }],
});
const image = (url: string) =>
  messages({ role: "user", content: [{ type: "image_url", image_url: { url } }] });
const nested = (levels: number): unknown =>
  levels === 0 ? { type: "string" } : { type: "object", properties: { a: nested(levels - 1) } };

/** As they stand in the table of OpenAI's errors. */
describe.each<{
  what: string;
  body: Record<string, unknown>;
  message: string;
  param?: string;
  code?: string;
}>([
  // Missing.
  { what: "no model", body: { messages: [user] }, message: "you must provide a model parameter" },
  { what: "a null model", body: question({ model: null }), message: "you must provide a model parameter" },
  { what: "an empty model", body: question({ model: "" }), message: "you must provide a model parameter" },
  {
    what: "no messages",
    body: { model: "m" },
    message: "Missing required parameter: 'messages'.",
    param: "messages",
    code: "missing_required_parameter",
  },
  {
    what: "a message without a role",
    body: messages({ content: "hi" }),
    message: "Missing required parameter: 'messages[0].role'.",
    param: "messages[0].role",
    code: "missing_required_parameter",
  },
  {
    what: "a part without a type",
    body: messages({ role: "user", content: [{ text: "hi" }] }),
    message: "Missing required parameter: 'messages[0].content[0].type'.",
    param: "messages[0].content[0].type",
    code: "missing_required_parameter",
  },
  {
    what: "a format without its schema",
    body: question({ response_format: { type: "json_schema" } }),
    message: "Missing required parameter: 'response_format.json_schema'.",
    param: "response_format.json_schema",
    code: "missing_required_parameter",
  },
  // Types.
  {
    what: "a model that is a number",
    body: question({ model: 5 }),
    message: "Invalid type for 'model': expected a string, but got an integer instead.",
    param: "model",
    code: "invalid_type",
  },
  {
    what: "a temperature that is a string",
    body: question({ temperature: "hot" }),
    message: "Invalid type for 'temperature': expected a decimal, but got a string instead.",
    param: "temperature",
    code: "invalid_type",
  },
  {
    what: "half an answer",
    body: question({ n: 1.5 }),
    message: "Invalid type for 'n': expected an integer, but got a decimal number instead.",
    param: "n",
    code: "invalid_type",
  },
  {
    what: "a stream flag in words",
    body: question({ stream: "true" }),
    message: "Invalid type for 'stream': expected a boolean, but got a string instead.",
    param: "stream",
    code: "invalid_type",
  },
  {
    what: "messages that are one object",
    body: question({ messages: user }),
    message: "Invalid type for 'messages': expected an array of objects, but got an object instead.",
    param: "messages",
    code: "invalid_type",
  },
  {
    what: "a message that is null",
    body: messages(null),
    message: "Invalid type for 'messages[0]': expected an object, but got null instead.",
    param: "messages[0]",
    code: "invalid_type",
  },
  {
    what: "content that is a number",
    body: messages({ role: "user", content: 5 }),
    message:
      "Invalid type for 'messages[0].content': expected one of a string or array of objects, but got an integer instead.",
    param: "messages[0].content",
    code: "invalid_type",
  },
  {
    what: "a part of text without text",
    body: messages({ role: "user", content: [{ type: "text", text: 7 }] }),
    message: "Invalid type for 'messages[0].content[0].text': expected a string, but got an integer instead.",
    param: "messages[0].content[0].text",
    code: "invalid_type",
  },
  {
    what: "a stop that is a number",
    body: question({ stop: 1 }),
    message:
      "Invalid type for 'stop': expected one of a string or array of strings, but got an integer instead.",
    param: "stop",
    code: "invalid_type",
  },
  {
    what: "a stop list with a number",
    body: question({ stop: ["a", 1] }),
    message: "Invalid type for 'stop[1]': expected a string, but got an integer instead.",
    param: "stop[1]",
    code: "invalid_type",
  },
  {
    what: "arguments that are an object",
    body: messages(user, {
      role: "assistant",
      tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: {} } }],
    }),
    message:
      "Invalid type for 'messages[1].tool_calls[0].function.arguments': expected a string, but got an object instead.",
    param: "messages[1].tool_calls[0].function.arguments",
    code: "invalid_type",
  },
  {
    what: "a seed with a fraction",
    body: question({ seed: 1.5 }),
    message: "Invalid type for 'seed': expected an integer, but got a decimal number instead.",
    param: "seed",
    code: "invalid_type",
  },
  {
    what: "an effort that is a number",
    body: question({ reasoning_effort: 3 }),
    message:
      "Invalid type for 'reasoning_effort': expected one of 'none', 'minimal', 'low', 'medium', 'high', 'xhigh', or 'max', but got an integer instead.",
    param: "reasoning_effort",
    code: "invalid_type",
  },
  {
    what: "metadata with a number",
    body: question({ metadata: { a: 1 } }),
    message: "Invalid type for 'metadata.a': expected a string, but got an integer instead.",
    param: "metadata.a",
    code: "invalid_type",
  },
  // Words.
  {
    what: "an unknown role",
    body: messages({ role: "robot", content: "hi" }),
    message:
      "Invalid value: 'robot'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.",
    param: "messages[0].role",
    code: "invalid_value",
  },
  {
    what: "a part of sound",
    body: messages({ role: "user", content: [{ type: "input_audio", input_audio: {} }] }),
    message: "Invalid value: 'input_audio'. Supported values are: 'text', 'image_url', and 'refusal'.",
    param: "messages[0].content[0].type",
    code: "invalid_value",
  },
  {
    what: "a tool that is no function",
    body: question({ tools: [{ type: "custom", custom: { name: "x" } }] }),
    message: "Invalid value: 'custom'. Supported values are: 'function'.",
    param: "tools[0].type",
    code: "invalid_value",
  },
  {
    what: "an unknown tool choice",
    body: question({ tools: [tool("f")], tool_choice: "any" }),
    message: "Invalid value: 'any'. Supported values are: 'none', 'auto', and 'required'.",
    param: "tool_choice",
    code: "invalid_value",
  },
  {
    what: "an unknown format",
    body: question({ response_format: { type: "yaml" } }),
    message: "Invalid value: 'yaml'. Supported values are: 'text', 'json_object', and 'json_schema'.",
    param: "response_format.type",
    code: "invalid_value",
  },
  {
    what: "a system message with a picture",
    body: messages({
      role: "system",
      content: [{ type: "image_url", image_url: "data:image/png;base64,AA" }],
    }),
    message:
      "Invalid 'messages[0]'. Image URLs are only allowed for messages with role 'user', but this message with role 'system' contains an image URL.",
    param: "messages[0]",
    code: "invalid_value",
  },
  {
    what: "a user's refusal",
    body: messages({ role: "user", content: [{ type: "refusal", refusal: "no" }] }),
    message: "Invalid value: 'refusal'. Supported values are: 'text' and 'image_url'.",
    param: "messages[0].content[0].type",
    code: "invalid_value",
  },
  {
    what: "a bias on a word",
    body: question({ logit_bias: { hello: 1 } }),
    message: "Invalid key in 'logit_bias': 'hello'. Expected the id of a token of the model, a whole number.",
    param: "logit_bias",
    code: "invalid_value",
  },
  {
    what: "a function named with a dot",
    body: question({ tools: [tool("a.b")] }),
    message:
      "Invalid 'tools[0].function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
    param: "tools[0].function.name",
    code: "invalid_value",
  },
  {
    what: "two functions of one name",
    body: question({ tools: [tool("f"), tool("f")] }),
    message: "Invalid 'tools': there are two functions named 'f'.",
    param: "tools",
    code: "invalid_value",
  },
  // Bounds.
  {
    what: "no answers",
    body: question({ n: 0 }),
    message: "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead.",
    param: "n",
    code: "integer_below_min_value",
  },
  {
    what: "too many answers",
    body: question({ n: 9 }),
    message: "Invalid 'n': integer above maximum value. Expected a value <= 8, but got 9 instead.",
    param: "n",
    code: "integer_above_max_value",
  },
  {
    what: "no tokens",
    body: question({ max_tokens: 0 }),
    message: "Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got 0 instead.",
    param: "max_tokens",
    code: "integer_below_min_value",
  },
  {
    what: "unlimited tokens as LM Studio has it",
    body: question({ max_completion_tokens: -1 }),
    message:
      "Invalid 'max_completion_tokens': integer below minimum value. Expected a value >= 1, but got -1 instead.",
    param: "max_completion_tokens",
    code: "integer_below_min_value",
  },
  {
    what: "a penalty that is too large",
    body: question({ frequency_penalty: 3 }),
    message:
      "Invalid 'frequency_penalty': decimal above maximum value. Expected a value <= 2, but got 3 instead.",
    param: "frequency_penalty",
    code: "decimal_above_max_value",
  },
  {
    what: "a temperature below zero",
    body: question({ temperature: -0.1 }),
    message:
      "Invalid 'temperature': decimal below minimum value. Expected a value >= 0, but got -0.1 instead.",
    param: "temperature",
    code: "decimal_below_min_value",
  },
  {
    what: "a repetition penalty of nothing",
    body: question({ repetition_penalty: 0 }),
    message:
      "Invalid 'repetition_penalty': decimal below minimum value. Expected a value > 0, but got 0 instead.",
    param: "repetition_penalty",
    code: "decimal_below_min_value",
  },
  {
    what: "a bias that is too large",
    body: question({ logit_bias: { 5: 101 } }),
    message:
      "Invalid 'logit_bias.5': decimal above maximum value. Expected a value <= 100, but got 101 instead.",
    param: "logit_bias.5",
    code: "decimal_above_max_value",
  },
  {
    what: "a number beyond all numbers",
    body: JSON.parse('{"model":"m","messages":[{"role":"user","content":"hi"}],"top_p":1e999}'),
    message: "Invalid type for 'top_p': expected a decimal, but got a decimal number instead.",
    param: "top_p",
    code: "invalid_type",
  },
  // Lengths.
  {
    what: "empty messages",
    body: messages(),
    message:
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
    param: "messages",
    code: "empty_array",
  },
  {
    what: "empty tools",
    body: question({ tools: [] }),
    message:
      "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead.",
    param: "tools",
    code: "empty_array",
  },
  {
    what: "an assistant that says nothing and calls nothing",
    body: messages(user, { role: "assistant", tool_calls: [] }),
    message:
      "Invalid 'messages[1].tool_calls': empty array. Expected an array with minimum length 1, but got an empty array instead.",
    param: "messages[1].tool_calls",
    code: "empty_array",
  },
  {
    what: "five stops",
    body: question({ stop: ["a", "b", "c", "d", "e"] }),
    message:
      "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length 5 instead.",
    param: "stop",
    code: "array_above_max_length",
  },
  {
    what: "an empty stop",
    body: question({ stop: "" }),
    message:
      "Invalid 'stop': empty string. Expected a string with minimum length 1, but got an empty string instead.",
    param: "stop",
    code: "empty_string",
  },
  {
    what: "a function with a long name",
    body: question({ tools: [tool("f".repeat(65))] }),
    message:
      "Invalid 'tools[0].function.name': string too long. Expected a string with maximum length 64, but got a string with length 65 instead.",
    param: "tools[0].function.name",
    code: "string_above_max_length",
  },
  {
    what: "metadata with a long value",
    body: question({ metadata: { a: "x".repeat(513) } }),
    message:
      "Invalid 'metadata.a': string too long. Expected a string with maximum length 512, but got a string with length 513 instead.",
    param: "metadata.a",
    code: "string_above_max_length",
  },
  {
    what: "metadata with a long key",
    body: question({ metadata: { ["k".repeat(65)]: "x" } }),
    message:
      "Invalid 'metadata': string too long. Expected a string with maximum length 64, but got a string with length 65 instead.",
    param: "metadata",
    code: "string_above_max_length",
  },
  {
    what: "too much metadata",
    body: question({ metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, "v"])) }),
    message:
      "Invalid 'metadata': too many properties. Expected an object with at most 16 properties, but got an object with 17 properties instead.",
    param: "metadata",
    code: "object_above_max_properties",
  },
  {
    what: "too many tools",
    body: question({ tools: Array.from({ length: 129 }, (_, i) => tool(`f${i}`)) }),
    message:
      "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length 129 instead.",
    param: "tools",
    code: "array_above_max_length",
  },
  // Not supported here.
  ...Object.entries({
    audio: { voice: "alloy" },
    web_search_options: {},
    moderation: {},
    guided_json: {},
    guided_regex: "a*",
    guided_choice: ["a"],
    guided_grammar: "root ::= [a]",
    structured_outputs: { choice: ["a"] },
    grammar: "root ::= [a]",
    echo: true,
    documents: [{ text: "d" }],
    add_generation_prompt: false,
    prompt_logprobs: 1,
    use_beam_search: true,
    min_tokens: 5,
    stop_token_ids: [7],
    bad_words: ["b"],
    allowed_token_ids: [7],
  }).map(([param, value]) => ({
    what: param,
    body: question({ [param]: value }),
    message: `Unsupported parameter: '${param}' is not supported with this model.`,
    param,
    code: "unsupported_parameter",
  })),
  ...[
    { what: "the user's turn to go on with", messages: [{ role: "user", content: "Hi" }] },
    {
      what: "a call to go on with",
      messages: [
        { role: "user", content: "Hi" },
        {
          role: "assistant",
          content: "I",
          tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }],
        },
      ],
    },
    {
      what: "nothing to go on with",
      messages: [
        { role: "user", content: "Hi" },
        { role: "assistant", content: "" },
      ],
    },
    { what: "a turn to go on with and nothing before it", messages: [{ role: "assistant", content: "I" }] },
  ].map(({ what, messages }) => ({
    what,
    body: question({ messages, continue_final_message: true }),
    message:
      "With 'continue_final_message' the last of at least two messages must be the assistant's, with text and without tool calls: the answer continues that text.",
    param: "messages",
  })),
  {
    what: "a turn to go on with and a new one",
    body: question({ continue_final_message: true, add_generation_prompt: true }),
    message: "Cannot set both 'continue_final_message' and 'add_generation_prompt' to true.",
    param: "continue_final_message",
  },
  {
    what: "a spoken answer",
    body: question({ modalities: ["text", "audio"] }),
    message:
      "Unsupported value: 'modalities' does not support 'audio' with this model. Only 'text' is supported.",
    param: "modalities",
    code: "unsupported_value",
  },
  {
    what: "a spoken answer of an earlier turn",
    body: messages(user, { role: "assistant", audio: { id: "a" } }),
    message: "Unsupported parameter: 'messages[1].audio' is not supported with this model.",
    param: "messages[1].audio",
    code: "unsupported_parameter",
  },
  // Meaning.
  {
    what: "null content",
    body: messages({ role: "user", content: null }),
    message: "Invalid value for 'content': expected a string, got null.",
    param: "messages.[0].content",
  },
  {
    what: "an assistant without content",
    body: messages(user, { role: "assistant" }),
    message: "Invalid value for 'content': expected a string, got null.",
    param: "messages.[1].content",
  },
  {
    what: "a tool result out of nowhere",
    body: messages(user, { role: "tool", tool_call_id: "c", content: "5" }),
    message:
      "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
    param: "messages.[1].role",
  },
  {
    what: "a tool result before its call",
    body: messages(user, { role: "tool", tool_call_id: "c", content: "5" }, calling("c")),
    message:
      "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
    param: "messages.[1].role",
  },
  {
    what: "a tool result for no call",
    body: messages(user, calling("c"), { role: "tool", content: "5" }),
    message: "Missing required parameter: 'messages[2].tool_call_id'.",
    param: "messages[2].tool_call_id",
    code: "missing_required_parameter",
  },
  {
    what: "a function result out of nowhere",
    body: messages(user, { role: "function", name: "f", content: "5" }),
    message:
      "Invalid parameter: messages with role 'function' must be a response to a preceeding message with 'function_call'.",
    param: "messages.[1].role",
  },
  {
    what: "stream options without a stream",
    body: question({ stream_options: { include_usage: true } }),
    message: "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
    param: "stream_options",
  },
  {
    what: "top_logprobs without logprobs",
    body: question({ top_logprobs: 2 }),
    message: "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
    param: "top_logprobs",
  },
  {
    what: "a tool choice without tools",
    body: question({ tool_choice: "auto" }),
    message: "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
    param: "tool_choice",
  },
  {
    what: "a choice of a tool that is not there",
    body: question({
      tools: [tool("f")],
      tool_choice: { type: "function", function: { name: "g" } },
    }),
    message: "Invalid value for 'tool_choice': no function named 'g' was specified in the 'tools' parameter.",
    param: "tool_choice",
  },
  {
    what: "both forms of tools",
    body: question({ tools: [tool("f")], functions: [{ name: "f" }] }),
    message: "Invalid parameter: 'functions' cannot be used together with 'tools'.",
    param: "functions",
    code: "invalid_value",
  },
  // Schemas.
  {
    what: "parameters that are no object",
    body: question({ tools: [tool("f", { type: "string" })] }),
    message:
      "Invalid schema for function 'f': schema must be a JSON Schema of 'type: \"object\"', got 'type: \"string\"'.",
    param: "tools[0].function.parameters",
    code: "invalid_function_parameters",
  },
  {
    what: "a schema elsewhere",
    body: question({ tools: [tool("f", { properties: { a: { $ref: "https://example.com/a.json" } } })] }),
    message:
      "Invalid schema for function 'f': '$ref' may only point into the schema itself, such as '#/$defs/item'.",
    param: "tools[0].function.parameters",
    code: "invalid_function_parameters",
  },
  {
    what: "a deep schema",
    body: question({
      response_format: { type: "json_schema", json_schema: { name: "deep", schema: nested(17) } },
    }),
    message: "Invalid schema for response_format 'deep': it nests more than 16 levels deep.",
    param: "response_format",
  },
  {
    what: "a large schema",
    body: question({ format: { description: "x".repeat(65_536) } }),
    message: "Invalid schema for format 'format': it is 65554 characters long; at most 65536 are accepted.",
    param: "format",
  },
  // Pictures.
  {
    what: "the address of a picture",
    body: image("https://example.com/cat.png"),
    message:
      "Invalid image URL: images are not fetched here. Send the image itself as a data URL, such as 'data:image/png;base64,…'.",
    param: "messages[0].content[0].image_url.url",
    code: "invalid_image_url",
  },
  {
    what: "a file of the server",
    body: image("file:///etc/passwd"),
    message:
      "Invalid image URL: images are not fetched here. Send the image itself as a data URL, such as 'data:image/png;base64,…'.",
    param: "messages[0].content[0].image_url.url",
    code: "invalid_image_url",
  },
  {
    what: "a picture in bad base64",
    body: image("data:image/png;base64,iVBORw0KGgo!"),
    message: "Invalid image URL: the data is not valid base64.",
    param: "messages[0].content[0].image_url.url",
    code: "invalid_image_url",
  },
  {
    what: "a picture that is none",
    body: image("data:image/png;base64,aGVsbG8gd29ybGQ="),
    message:
      "You uploaded an unsupported image. Please make sure that it has one of the following formats: ['png', 'jpeg', 'gif', 'webp'].",
    param: "messages[0].content[0].image_url.url",
    code: "invalid_image_format",
  },
])("$what", ({ body, message, param = null, code = null }) => {
  test("is refused in OpenAI's words", () => {
    expect(faultOf(body)).toEqual({ status: 400, message, param, code });
  });
});

describe("of several faults", () => {
  test.each([
    { body: {}, first: "you must provide a model parameter" },
    { body: { model: 5 }, first: "Missing required parameter: 'messages'." },
    {
      body: { temperature: 3, n: 0, messages: [{}], model: "m" },
      first: "Missing required parameter: 'messages[0].role'.",
    },
    { body: question({ seed: "x", temperature: 3, n: 0 }), first: "Invalid 'n': integer below" },
    { body: question({ stop: 1, top_logprobs: 99 }), first: "Invalid 'top_logprobs': integer above" },
    { body: question({ audio: {}, n: 0 }), first: "Invalid 'n'" },
  ])("only the first is told: $first", ({ body, first }) => {
    expect(faultOf(body).message).toContain(first);
  });
});
