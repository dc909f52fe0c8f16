import { describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { bearer, createTestApp, modelOf, testKey } from "../../../test/support/translator/translator.ts";

const models = ["a", "b", "c", "d", "org/name"].map((name) => modelOf(name, 1_700_000_000n, 4096));

async function get(url: string, headers: Record<string, string> = {}, listModels = async () => models) {
  const response = await createTestApp({ listModels }).inject({ url, headers });
  return { status: response.statusCode, headers: response.headers, body: response.json() };
}

const anthropic = { "x-api-key": testKey, "anthropic-version": "2023-06-01" };

describe("the list of models", () => {
  test.each(["/v1/models", "/api/v1/models"])("is Anthropic's for who sends its version: %s", async (url) => {
    const { status, headers, body } = await get(`${url}?limit=1`, anthropic);
    expect(status).toBe(200);
    expect(headers["request-id"]).toBe(headers["x-request-id"]);
    expect(body).toEqual({
      data: [
        {
          type: "model",
          id: "a",
          display_name: "a",
          created_at: "2023-11-14T22:13:20.000Z",
          max_input_tokens: 4096,
          max_tokens: 4096,
          capabilities: null,
          lifecycle: "active",
          line: null,
          deprecated_at: null,
          retires_at: null,
        },
      ],
      has_more: true,
      first_id: "a",
      last_id: "a",
    });
  });

  test.each([bearer, { "x-api-key": testKey }])(
    "is OpenAI's for everybody else, with the key in %j",
    async (headers) => {
      const { status, body } = await get("/v1/models", headers);
      expect(status).toBe(200);
      expect(body.object).toBe("list");
      expect((await get("/v1/models/org%2Fname", headers)).body).toMatchObject({
        object: "model",
        id: "org/name",
      });
    },
  );

  test.each([
    ["", ["a", "b", "c", "d", "org/name"], false],
    ["limit=2", ["a", "b"], true],
    ["limit=2&after_id=b", ["c", "d"], true],
    ["after_id=org/name", [], false],
    ["limit=2&before_id=d", ["b", "c"], true],
    ["before_id=c", ["a", "b"], false],
  ])("comes page by page: %s", async (query, ids, more) => {
    const { body } = await get(`/v1/models?${query}`, anthropic);
    expect([body.data.map(({ id }: { id: string }) => id), body.has_more]).toEqual([ids, more]);
    expect([body.first_id, body.last_id]).toEqual([ids[0] ?? null, ids.at(-1) ?? null]);
  });

  test.each([
    ["limit=0", "limit: Input should be greater than or equal to 1"],
    ["limit=1001", "limit: Input should be less than or equal to 1000"],
    ["limit=many", "limit: Input should be a valid integer"],
    ["limit=1&limit=2", "limit: Input should be a valid integer"],
    ["after_id=z", "after_id: No model 'z' is served"],
    ["after_id=a&after_id=b", "after_id: Input should be a valid string"],
    ["after_id=a&before_id=b", "before_id: Only one of `before_id` and `after_id` may be given"],
  ])("refuses %s", async (query, message) => {
    const { status, body } = await get(`/v1/models?${query}`, anthropic);
    expect([status, body.error]).toEqual([400, { type: "invalid_request_error", message }]);
  });

  test("fails in the words of the client's API", async () => {
    const version = { "anthropic-version": "2023-06-01" };
    expect((await get("/v1/models", version)).body).toMatchObject({
      type: "error",
      error: {
        type: "authentication_error",
        message: expect.stringContaining("x-api-key header is required"),
      },
    });
    expect((await get("/v1/models", { ...version, "x-api-key": "sk-cx-wrong-wrong-wrong" })).status).toBe(
      401,
    );
    expect((await get("/v1/models", { "x-api-key": "sk-cx-wrong-wrong-wrong" })).body.error).toMatchObject({
      code: "invalid_api_key",
    });
    const away = async () => {
      throw new MeshError("no_nodes", "No router can be reached.");
    };
    expect(await get("/v1/models", anthropic, away)).toMatchObject({
      status: 529,
      body: { type: "error", error: { type: "overloaded_error" } },
    });
    expect((await get("/v1/models", bearer, away)).status).toBe(503);
  });
});

test("one model is described, with slashes in its name, and an unknown one is not found", async () => {
  expect((await get("/v1/models/org%2Fname", anthropic)).body).toMatchObject({
    type: "model",
    id: "org/name",
  });
  expect(await get("/v1/models/none", anthropic)).toMatchObject({
    status: 404,
    body: { type: "error", error: { type: "not_found_error", message: "model: none" } },
  });
});

test.each([
  ["POST", "/v1/messages/batches"],
  ["GET", "/v1/messages/batches/msgbatch_1/results"],
  ["DELETE", "/api/v1/messages/x"],
] as const)(
  "an address below /messages that is not there is not found in Anthropic's words: %s %s",
  async (method, url) => {
    const headers = { "x-api-key": testKey, "content-type": "text/plain" };
    const response = await createTestApp().inject({ method, url, headers, payload: "x" });
    expect(response.statusCode).toBe(404);
    expect(response.json()).toMatchObject({
      type: "error",
      error: { type: "not_found_error", message: `Invalid URL (${method} ${url})` },
      request_id: response.headers["request-id"],
    });
  },
);
