import { expect, test } from "vitest";
import { ToolChoice_Mode } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { parseMessagesRequest } from "./index.ts";

const base = { model: "m", max_tokens: 100, messages: [{ role: "user", content: "Hi" }] };
const parse = (more: Record<string, unknown> = {}) => parseMessagesRequest({ ...base, ...more });
const generationOf = (more: Record<string, unknown> = {}) => parse(more).generation;

const roles = ["", "SYSTEM", "USER", "ASSISTANT", "TOOL"];

/** A conversation as short as it can be shown: role, text, and whatever else is there. */
const turnsOf = (messages: unknown[], more: Record<string, unknown> = {}) =>
  generationOf({ messages, ...more }).messages.map(({ role, parts, toolCalls, toolCallId, reasoning }) => [
    roles[role],
    parts.map(({ part }) => (part.case === "text" ? part.value : part.case)).join("|"),
    ...toolCalls.map(({ id, name, argumentsJson }) => `${id} ${name} ${argumentsJson}`),
    ...(toolCallId === "" ? [] : [toolCallId]),
    ...(reasoning === "" ? [] : [`(${reasoning})`]),
  ]);

const png = Buffer.from("\x89PNG\r\n\x1a\n and so on", "latin1").toString("base64");
const tool = { name: "look", description: "Looks.", input_schema: { type: "object", properties: {} } };

test("the shortest request asks one question, with this service's own temperature", () => {
  const { generation, stream, maxTokens, showsThinking } = parse();
  expect(generation).toMatchObject({
    model: "m",
    sampling: { temperature: 0.7 },
    limits: { maxTokens: 100, stop: [] },
    tools: [],
  });
  expect(generation.sampling?.topP).toBeUndefined();
  expect(generation.reasoning).toBeUndefined();
  expect([stream, maxTokens, showsThinking]).toEqual([false, 100, true]);
  expect(turnsOf(base.messages)).toEqual([["USER", "Hi"]]);
});

test("sampling and limits go over as they are", () => {
  const { sampling, limits } = generationOf({
    temperature: 1,
    top_p: 0.5,
    top_k: 40,
    stop_sequences: ["a", "b"],
  });
  expect(sampling).toMatchObject({ temperature: 1, topP: 0.5, topK: 40 });
  expect(limits?.stop).toEqual(["a", "b"]);
});

test("the system prompt comes first, its blocks as lines", () => {
  expect(turnsOf(base.messages, { system: "Be brief." })[0]).toEqual(["SYSTEM", "Be brief."]);
  const system = [
    { type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } },
    { type: "text", text: "Be kind." },
  ];
  expect(turnsOf(base.messages, { system })[0]).toEqual(["SYSTEM", "Be brief.\nBe kind."]);
  expect(turnsOf(base.messages, { system: "" })).toEqual([["USER", "Hi"]]);
});

test("a conversation with thinking, calls and results becomes turns", () => {
  const turns = turnsOf([
    {
      role: "user",
      content: [
        { type: "text", text: "Look." },
        { type: "text", text: "Twice." },
      ],
    },
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "Well.", signature: "abc" },
        { type: "text", text: "Sure." },
        { type: "tool_use", id: "toolu_1", name: "look", input: { b: 1, a: [2] } },
        { type: "tool_use", id: "toolu_2", name: "look", input: {} },
      ],
    },
    {
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: "toolu_1", content: "A cat." },
        {
          type: "tool_result",
          tool_use_id: "toolu_2",
          is_error: true,
          content: [{ type: "text", text: "Dark." }],
        },
        { type: "text", text: "And now?" },
      ],
    },
  ]);
  expect(turns).toEqual([
    ["USER", "Look.\nTwice."],
    ["ASSISTANT", "Sure.", 'toolu_1 look {"b":1,"a":[2]}', "toolu_2 look {}", "(Well.)"],
    ["TOOL", "A cat.", "toolu_1"],
    ["TOOL", "Error: Dark.", "toolu_2"],
    ["USER", "And now?"],
  ]);
});

test("a failed tool that says nothing has failed all the same, and one without content has said nothing", () => {
  const turns = turnsOf([
    { role: "assistant", content: [{ type: "tool_use", id: "t1", name: "f", input: {} }] },
    { role: "assistant", content: [{ type: "tool_use", id: "t2", name: "f", input: {} }] },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "t1", is_error: true }] },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "t2" }] },
  ]);
  expect(turns).toEqual([
    ["ASSISTANT", "", "t1 f {}", "t2 f {}"],
    ["TOOL", "Error:", "t1"],
    ["TOOL", "", "t2"],
  ]);
});

test("neighbouring turns of one role become one, and a system turn keeps its place", () => {
  const turns = turnsOf([
    { role: "user", content: "One." },
    { role: "user", content: "Two." },
    { role: "system", content: "Shout." },
    { role: "user", content: "Three." },
  ]);
  expect(turns).toEqual([
    ["USER", "One.\nTwo."],
    ["SYSTEM", "Shout."],
    ["USER", "Three."],
  ]);
});

test("an image keeps its place between texts, and its bytes show its format", () => {
  const source = { type: "base64", media_type: "image/jpeg", data: png };
  const content = [
    { type: "text", text: "a" },
    { type: "image", source },
    { type: "text", text: "b" },
  ];
  expect(turnsOf([{ role: "user", content }])).toEqual([["USER", "a|image|b"]]);
  const { part } = generationOf({ messages: [{ role: "user", content }] }).messages[0]!.parts[1]!;
  expect(part).toMatchObject({ case: "image", value: { mimeType: "image/png" } });
});

test("tools go over with their schemas as written", () => {
  const schema = { type: "object", properties: { z: { type: "string" }, a: {} }, required: ["z"] };
  const { tools } = generationOf({
    tools: [{ type: "custom", name: "f", input_schema: schema, strict: true }, tool],
  });
  expect(tools).toMatchObject([
    { name: "f", description: "", parametersJson: JSON.stringify(schema), strict: true },
    { name: "look", description: "Looks.", strict: false },
  ]);
});

test.each([
  { choice: { type: "auto" }, mode: ToolChoice_Mode.AUTO, names: [], parallel: undefined },
  { choice: { type: "any" }, mode: ToolChoice_Mode.REQUIRED, names: [], parallel: undefined },
  { choice: { type: "none" }, mode: ToolChoice_Mode.NONE, names: [], parallel: undefined },
  {
    choice: { type: "tool", name: "look" },
    mode: ToolChoice_Mode.REQUIRED,
    names: ["look"],
    parallel: undefined,
  },
  {
    choice: { type: "any", disable_parallel_tool_use: true },
    mode: ToolChoice_Mode.REQUIRED,
    names: [],
    parallel: false,
  },
])("tool_choice $choice", ({ choice, mode, names, parallel }) => {
  const generation = generationOf({ tools: [tool], tool_choice: choice });
  expect(generation.toolChoice).toMatchObject({ mode, allowedNames: names });
  expect(generation.parallelToolCalls).toBe(parallel);
});

test.each([
  { given: { thinking: { type: "disabled" } }, reasoning: { enabled: false, effort: "none" } },
  {
    given: { thinking: { type: "enabled", budget_tokens: 1024 } },
    reasoning: { enabled: true, effort: "low" },
  },
  {
    given: { thinking: { type: "enabled", budget_tokens: 8000 } },
    reasoning: { enabled: true, effort: "medium" },
  },
  {
    given: { thinking: { type: "enabled", budget_tokens: 32_000 } },
    reasoning: { enabled: true, effort: "high" },
  },
  {
    given: { thinking: { type: "adaptive" }, output_config: { effort: "max" } },
    reasoning: { effort: "max" },
  },
  { given: { thinking: { type: "adaptive" } }, reasoning: undefined },
])("thinking $given", ({ given, reasoning }) => {
  const generation = generationOf({ max_tokens: 64_000, ...given });
  if (reasoning === undefined) expect(generation.reasoning).toBeUndefined();
  else expect(generation.reasoning).toMatchObject(reasoning);
});

test("thinking that is to be omitted is not shown", () => {
  expect(parse({ thinking: { type: "adaptive", display: "omitted" } }).showsThinking).toBe(false);
  expect(parse({ thinking: { type: "adaptive", display: "summarized" } }).showsThinking).toBe(true);
});

test("a format for the output is a schema to be matched exactly", () => {
  const schema = { type: "object", properties: { a: { type: "integer" } } };
  const { outputFormat } = generationOf({ output_config: { format: { type: "json_schema", schema } } });
  expect(outputFormat?.format).toMatchObject({
    case: "jsonSchema",
    value: { schemaJson: JSON.stringify(schema), strict: true },
  });
});

test("hints are taken, and null is the same as absent", () => {
  const hints = {
    metadata: { user_id: "u-1" },
    service_tier: "auto",
    cache_control: { type: "ephemeral", ttl: "1h" },
    speed: "standard",
    temperature: null,
    tools: null,
    container: null,
  };
  expect(generationOf(hints)).toEqual(generationOf());
});

const user = (...content: unknown[]) => ({ messages: [{ role: "user", content }] });
const assistant = (...content: unknown[]) => ({
  messages: [
    { role: "assistant", content },
    { role: "user", content: "Go on." },
  ],
});

test.each<[Record<string, unknown>, string]>([
  [{ model: undefined }, "model: Field required"],
  [{ model: 5 }, "model: Input should be a valid string"],
  [{ messages: undefined }, "messages: Field required"],
  [{ messages: [] }, "messages: List should have at least 1 item"],
  [
    { messages: [{ role: "tool", content: "x" }] },
    "messages.0.role: Input should be 'user', 'assistant', or 'system'",
  ],
  [{ messages: [{ role: "user" }] }, "messages.0.content: Field required"],
  [
    { messages: [{ role: "user", content: 5 }] },
    "messages.0.content: Input should be one of a string or array of objects",
  ],
  [{ messages: [{ role: "user", content: "" }] }, "messages.0: all messages must have non-empty content"],
  [user(), "messages.0: all messages must have non-empty content"],
  [user({ type: "text", text: "" }), "messages.0.content.0: text content blocks must be non-empty"],
  [user({ type: "text" }), "messages.0.content.0.text: Field required"],
  [
    user({ type: "document", source: {} }),
    "messages.0.content.0.type: Input tag 'document' is not supported here. Expected 'text', 'image', 'tool_use', 'tool_result', or 'thinking'",
  ],
  [
    user({ type: "text", text: "a", citations: [{ type: "char_location" }] }),
    "messages.0.content.0.citations: Citations are not supported here",
  ],
  [
    user({ type: "tool_use", id: "a", name: "f", input: {} }),
    "messages.0.content.0: Blocks of type 'tool_use' may not stand in a turn of the role 'user'",
  ],
  [
    user({ type: "tool_result", tool_use_id: "nope" }),
    "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: nope. Each `tool_result` block must have a corresponding `tool_use` block in a message before it.",
  ],
  [
    assistant({ type: "image", source: { type: "base64", media_type: "image/png", data: png } }),
    "messages.0.content.0: Blocks of type 'image' may not stand in a turn of the role 'assistant'",
  ],
  [
    assistant({ type: "redacted_thinking", data: "x" }),
    "messages.0.content.0.type: Input tag 'redacted_thinking' is not supported here. Expected 'text', 'image', 'tool_use', 'tool_result', or 'thinking'",
  ],
  [
    assistant(
      { type: "tool_use", id: "a", name: "f", input: {} },
      { type: "tool_use", id: "a", name: "f", input: {} },
    ),
    "messages.0.content.1: `tool_use` ids must be unique",
  ],
  [
    user({ type: "image", source: { type: "url", url: "http://10.0.0.1/x.png" } }),
    "messages.0.content.0.source: Images are not fetched here. Send the image itself, with a source of type 'base64'",
  ],
  [
    user({ type: "image", source: { type: "file", file_id: "f" } }),
    "messages.0.content.0.source.type: Input tag 'file' is not supported here. Expected 'base64' or 'url'",
  ],
  [
    user({ type: "image", source: { type: "base64", media_type: "image/png", data: "%%%" } }),
    "messages.0.content.0.source.data: The data is not valid base64",
  ],
  [
    user({ type: "image", source: { type: "base64", media_type: "image/png", data: "QUJD" } }),
    "messages.0.content.0.source.data: The image has none of the formats png, jpeg, gif and webp",
  ],
  [
    { messages: [...base.messages, { role: "assistant", content: "The answer is (" }] },
    "messages: This model does not support assistant message prefill. The conversation must end with a user message.",
  ],
  [{ max_tokens: undefined }, "max_tokens: Field required"],
  [{ max_tokens: 0 }, "max_tokens: Input should be greater than or equal to 1"],
  [{ max_tokens: 1.5 }, "max_tokens: Input should be a valid integer"],
  [{ temperature: 1.5 }, "temperature: Input should be less than or equal to 1"],
  [{ stop_sequences: ["a", "b", "c", "d", "e"] }, "stop_sequences: List should have at most 4 items"],
  [{ stop_sequences: [""] }, "stop_sequences.0: String should have at least 1 character"],
  [{ stream: "yes" }, "stream: Input should be a valid boolean"],
  [{ system: [{ type: "image" }] }, "system.0.type: Input should be 'text'"],
  [
    { tools: [{ type: "web_search_20250305", name: "web_search" }] },
    "tools.0.type: Tools of type 'web_search_20250305' are not supported here. Define a tool of your own with 'name', 'description' and 'input_schema'",
  ],
  [{ tools: [{ name: "f" }] }, "tools.0.input_schema: Field required"],
  [
    { tools: [{ name: "f", input_schema: { type: "array" } }] },
    "tools.0.input_schema.type: Input should be 'object'",
  ],
  [
    { tools: [{ ...tool, name: "a b" }] },
    "tools.0.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
  ],
  [{ tools: [tool, tool] }, "tools: Tool names must be unique."],
  [{ tools: [{ ...tool, defer_loading: true }] }, "tools.0.defer_loading: Tools are always loaded here"],
  [
    { tools: [{ ...tool, allowed_callers: ["code_execution_20250825"] }] },
    "tools.0.allowed_callers: Calls by 'code_execution_20250825' are not supported here",
  ],
  [
    { tools: [{ ...tool, input_examples: [{}] }] },
    "tools.0.input_examples: Examples of inputs are not supported here. Put them into the description",
  ],
  [
    { tool_choice: { type: "any" } },
    "tool_choice: `tool_choice` may only be specified while providing `tools`.",
  ],
  [
    { tools: [tool], tool_choice: { type: "tool", name: "g" } },
    "tool_choice: Tool 'g' not found in provided tools",
  ],
  [{ tools: [tool], tool_choice: { type: "tool" } }, "tool_choice.name: Field required"],
  [
    { thinking: { type: "enabled", budget_tokens: 100 } },
    "thinking.budget_tokens: Input should be greater than or equal to 1024",
  ],
  [
    { thinking: { type: "enabled", budget_tokens: 2000 } },
    "max_tokens: `max_tokens` must be greater than `thinking.budget_tokens`.",
  ],
  [
    { thinking: { type: "between_tools" } },
    "thinking.type: Input tag 'between_tools' is not supported here. Expected 'enabled', 'adaptive', or 'disabled'",
  ],
  [
    { mcp_servers: [{}] },
    "mcp_servers: MCP servers are not supported here. Call them from the client and offer what they do as tools",
  ],
  [{ thread: { type: "create" } }, "thread: Conversations are not stored here. Send all of their messages"],
  [{ container: "c" }, "container: Containers are not supported here"],
  [
    { context_management: {} },
    "context_management: Context management is not supported here. Shorten the conversation before sending it",
  ],
  [{ speed: "fast" }, "speed: Input should be 'standard'"],
  [{ n: 2 }, "n: Extra inputs are not permitted"],
])("%j is refused", (more, message) => {
  expect(() => parse(more)).toThrow(expect.objectContaining({ kind: "invalid_request", message }));
});
