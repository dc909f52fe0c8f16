import fc from "fast-check";
import { expect, test } from "vitest";
import { createTestApp, testKey } from "../../../test/support/translator/translator.ts";

/** A request with something of everything that can be sent. */
const whole = {
  model: "m",
  max_tokens: 4000,
  system: [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }],
  messages: [
    { role: "user", content: "Look." },
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "Hm.", signature: "s" },
        { type: "text", text: "Yes." },
        { type: "tool_use", id: "toolu_1", name: "look", input: { at: ["cats"] } },
      ],
    },
    {
      role: "user",
      content: [
        {
          type: "tool_result",
          tool_use_id: "toolu_1",
          is_error: true,
          content: [{ type: "text", text: "No." }],
        },
        {
          type: "image",
          source: {
            type: "base64",
            media_type: "image/png",
            data: Buffer.from("\x89PNG\r\n\x1a\n", "latin1").toString("base64"),
          },
        },
      ],
    },
  ],
  temperature: 0.5,
  top_p: 0.9,
  top_k: 40,
  stop_sequences: ["END"],
  stream: false,
  tools: [{ name: "look", description: "Looks.", input_schema: { type: "object", properties: {} } }],
  tool_choice: { type: "tool", name: "look", disable_parallel_tool_use: true },
  thinking: { type: "enabled", budget_tokens: 1024, display: "summarized" },
  output_config: { effort: "low", format: { type: "json_schema", schema: { type: "object" } } },
  metadata: { user_id: "u" },
  service_tier: "auto",
};

/** Every place in a value. */
function* pathsOf(value: unknown, path: readonly string[] = []): Generator<readonly string[]> {
  yield path;
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) yield* pathsOf(inner, [...path, key]);
}

/** The value with another one at a place. */
function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  const copy = Array.isArray(value) ? [...value] : { ...(value as object) };
  (copy as Record<string, unknown>)[key] = replaced((value as Record<string, unknown>)[key], rest, by);
  return copy;
}

test("any JSON in any place is answered, or refused in the envelope", async () => {
  const app = createTestApp();
  const post = (payload: string) =>
    app.inject({
      method: "POST",
      url: "/v1/messages",
      headers: { "x-api-key": testKey, "content-type": "application/json" },
      payload,
    });
  expect((await post(JSON.stringify(whole))).statusCode).toBe(200);
  const changes = fc.tuple(fc.constantFrom(...pathsOf(whole)), fc.jsonValue());
  await fc.assert(
    fc.asyncProperty(changes, async ([path, by]) => {
      const response = await post(JSON.stringify(replaced(whole, path, by)));
      if (response.statusCode === 200) return;
      expect(response.statusCode).toBe(400);
      expect(response.json()).toEqual({
        type: "error",
        error: { type: "invalid_request_error", message: expect.stringMatching(/\S/) },
        request_id: response.headers["request-id"],
      });
    }),
    { numRuns: 600 },
  );
});
