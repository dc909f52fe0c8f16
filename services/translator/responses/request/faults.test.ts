import fc from "fast-check";
import { expect, test } from "vitest";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import type { JsonObject } from "../../http/json-body.ts";
import type { Item } from "../items.ts";
import { parseResponseRequest } from "./index.ts";
import { toMessages } from "./to-messages.ts";

/** What a body is refused with; throws when it is not refused. */
function faultOf(body: JsonObject): MeshError {
  try {
    const { input, instructions } = parseResponseRequest(body);
    toMessages({ instructions, history: [], input: input as Item[] });
  } catch (error) {
    if (error instanceof MeshError) return error;
    throw error;
  }
  throw new Error("It was accepted.");
}

const f = { type: "function", name: "f" };
const call = { type: "function_call", call_id: "c", name: "f", arguments: "{}" };
const userSays = (...content: unknown[]) => ({ input: [{ role: "user", content }] });
const deep = { type: "object", properties: { a: { $ref: "other.json" } } };

test.each([
  { body: { input: undefined }, param: "input", code: "missing_required_parameter" },
  { body: { input: 3 }, param: "input", code: "invalid_type" },
  { body: { input: [] }, param: "input", code: "empty_array" },
  { body: { input: ["hi"] }, param: "input[0]", code: "invalid_type" },
  { body: { input: [{}] }, param: "input[0].role", code: "missing_required_parameter" },
  { body: { input: [{ role: "robot", content: "" }] }, param: "input[0].role", code: "invalid_value" },
  { body: { input: [{ role: "user" }] }, param: "input[0].content", code: "missing_required_parameter" },
  { body: { input: [{ role: "user", content: 1 }] }, param: "input[0].content", code: "invalid_type" },
  { body: userSays({ type: "text", text: "a" }), param: "input[0].content[0].type", code: "invalid_value" },
  {
    body: userSays({ type: "input_text" }),
    param: "input[0].content[0].text",
    code: "missing_required_parameter",
  },
  {
    body: userSays({ type: "input_file", file_id: "f" }),
    param: "input[0].content[0].type",
    code: "invalid_value",
  },
  {
    body: userSays({ type: "input_image", file_id: "file_1" }),
    param: "input[0].content[0].file_id",
    code: "unsupported_parameter",
  },
  {
    body: userSays({ type: "input_image" }),
    param: "input[0].content[0].image_url",
    code: "missing_required_parameter",
  },
  {
    body: userSays({ type: "input_image", image_url: "https://example.com/a.png" }),
    param: "input[0].content[0].image_url",
    code: "invalid_image_url",
  },
  {
    body: { input: [{ role: "system", content: [{ type: "input_image", image_url: "data:," }] }] },
    param: "input[0].content[0]",
    code: "invalid_value",
  },
  {
    body: { input: [{ role: "assistant", content: [{ type: "input_text", text: "a" }] }] },
    param: "input[0].content[0].type",
    code: "invalid_value",
  },
  { body: { input: [{ ...call, call_id: "" }] }, param: "input[0].call_id", code: "empty_string" },
  { body: { input: [{ ...call, arguments: {} }] }, param: "input[0].arguments", code: "invalid_type" },
  {
    body: { input: [{ ...call, namespace: "n" }] },
    param: "input[0].namespace",
    code: "unsupported_parameter",
  },
  { body: { input: [call] }, param: "input", code: undefined },
  {
    body: { input: [{ type: "function_call_output", call_id: "x", output: "" }] },
    param: "input",
    code: undefined,
  },
  {
    body: { input: [{ type: "function_call_output", call_id: "x", output: [{ type: "input_image" }] }] },
    param: "input[0].output[0].type",
    code: "unsupported_value",
  },
  {
    body: { input: [{ type: "reasoning", summary: [], encrypted_content: "gAAA" }] },
    param: "input[0].encrypted_content",
    code: "unsupported_parameter",
  },
  {
    body: { input: [{ type: "web_search_call", id: "ws_1" }] },
    param: "input[0].type",
    code: "unsupported_value",
  },
  { body: { input: [{ type: { toString: 1 } }] }, param: "input[0].type", code: "invalid_type" },
  { body: { instructions: [] }, param: "instructions", code: "invalid_type" },
  { body: { previous_response_id: "" }, param: "previous_response_id", code: "empty_string" },
  { body: { max_output_tokens: 0 }, param: "max_output_tokens", code: "integer_below_min_value" },
  { body: { temperature: 3 }, param: "temperature", code: "decimal_above_max_value" },
  { body: { reasoning: { effort: "huge" } }, param: "reasoning.effort", code: "invalid_value" },
  { body: { reasoning: { summary: "concise" } }, param: "reasoning.summary", code: "unsupported_value" },
  { body: { reasoning: { context: "all_turns" } }, param: "reasoning.context", code: "unsupported_value" },
  { body: { reasoning: { mode: "pro" } }, param: "reasoning.mode", code: "unsupported_value" },
  { body: { include: ["everything"] }, param: "include[0]", code: "invalid_value" },
  { body: { text: { format: { type: "xml" } } }, param: "text.format.type", code: "invalid_value" },
  {
    body: { text: { format: { type: "json_schema", schema: {} } } },
    param: "text.format.name",
    code: "missing_required_parameter",
  },
  {
    body: { text: { format: { type: "json_schema", name: "a b", schema: {} } } },
    param: "text.format.name",
    code: "invalid_value",
  },
  {
    body: { text: { format: { type: "json_schema", name: "n", schema: deep } } },
    param: "text.format.schema",
    code: undefined,
  },
  { body: { tools: [{ type: "function" }] }, param: "tools[0].name", code: "missing_required_parameter" },
  { body: { tools: [{ ...f, name: "a b" }] }, param: "tools[0].name", code: "invalid_value" },
  {
    body: { tools: [{ ...f, parameters: deep }] },
    param: "tools[0].parameters",
    code: "invalid_function_parameters",
  },
  { body: { tools: [f, f] }, param: "tools", code: "invalid_value" },
  {
    body: { tools: [{ ...f, defer_loading: true }] },
    param: "tools[0].defer_loading",
    code: "unsupported_parameter",
  },
  { body: { tool_choice: "required" }, param: "tool_choice", code: undefined },
  { body: { tools: [f], tool_choice: "any" }, param: "tool_choice", code: "invalid_value" },
  {
    body: { tools: [f], tool_choice: { type: "function", name: "g" } },
    param: "tool_choice",
    code: undefined,
  },
  {
    body: { tools: [f], tool_choice: { type: "mcp", server_label: "s" } },
    param: "tool_choice.type",
    code: "unsupported_value",
  },
  {
    body: { tools: [f], tool_choice: { type: "allowed_tools", mode: "auto", tools: [] } },
    param: "tool_choice.tools",
    code: "empty_array",
  },
  { body: { stream_options: { include_obfuscation: false } }, param: "stream_options", code: undefined },
  { body: { background: true }, param: "background", code: "unsupported_value" },
  { body: { conversation: "conv_1" }, param: "conversation", code: "unsupported_parameter" },
  { body: { prompt: { id: "pmpt_1" } }, param: "prompt", code: "unsupported_parameter" },
  {
    body: { prompt_cache_options: { prewarm: true } },
    param: "prompt_cache_options.prewarm",
    code: "unsupported_parameter",
  },
  { body: { n: 2 }, param: "n", code: "unsupported_parameter" },
  { body: { messages: [] }, param: "messages", code: "unsupported_parameter" },
  { body: { response_format: {} }, param: "response_format", code: "unsupported_parameter" },
  { body: { metadata: { ["k".repeat(65)]: "v" } }, param: "metadata", code: "string_above_max_length" },
])("$body is refused at $param", ({ body, param, code }) => {
  const fault = faultOf({ model: "m", input: "hi", ...body });
  expect(fault).toMatchObject({ kind: "invalid_request", param, code });
});

test.each([
  "web_search",
  "web_search_preview",
  "file_search",
  "computer_use_preview",
  "code_interpreter",
  "image_generation",
  "mcp",
  "local_shell",
  "shell",
  "apply_patch",
  "custom",
  "namespace",
  "tool_search",
])("the tool %s is refused by name", (type) => {
  const fault = faultOf({ model: "m", input: "hi", tools: [{ type }] });
  expect(fault).toMatchObject({ param: "tools[0].type", code: "unsupported_value" });
  expect(fault.message).toContain(`'${type}'`);
});

test("a parameter of chat completions is reported with its name here", () => {
  expect(faultOf({ model: "m", input: "hi", max_tokens: 5 }).message).toBe(
    "Unsupported parameter: 'max_tokens'. In the Responses API, this parameter has moved to 'max_output_tokens'. Try again with the new parameter.",
  );
});

test("a missing model is the first fault", () => {
  expect(faultOf({ messages: 1 }).message).toBe("you must provide a model parameter");
});

test("whatever the body, it is accepted or refused as the client's fault", () => {
  const word = fc.constantFrom(
    ...["message", "user", "assistant", "function_call", "reasoning", "item_reference", "input_text", "f"],
  );
  const key = fc.constantFrom(
    ...[
      "type",
      "role",
      "content",
      "id",
      "call_id",
      "name",
      "arguments",
      "output",
      "summary",
      "text",
      "tools",
    ],
  );
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: "small" },
      fc.oneof(word, fc.integer(), fc.constant(null), fc.boolean()),
      fc.dictionary(key, tie("any"), { maxKeys: 5 }),
      fc.array(tie("any"), { maxLength: 4 }),
    ),
  })).any;
  fc.assert(
    fc.property(
      fc.record({ input: value, tools: value, tool_choice: value, text: value }, { requiredKeys: ["input"] }),
      (body) => {
        try {
          const { input } = parseResponseRequest({ model: "m", ...body });
          const items = input.filter((item): item is Item => item.type !== "item_reference");
          toMessages({ instructions: "", history: [], input: items });
        } catch (error) {
          expect(error).toMatchObject({ name: "MeshError", kind: "invalid_request" });
        }
      },
    ),
    { numRuns: 2000 },
  );
});
