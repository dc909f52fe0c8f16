import { describe, expect, test } from "vitest";
import { kinds } from "../../../core/errors/kinds.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { errorCodes, isErrorCode, toErrorAnswer, toErrorBody } from "./envelope.ts";
import { bodyTooLarge, HttpError, httpFaults, shuttingDown, wrongKey, wrongMethod } from "./http-faults.ts";
import { aboveMaximum, describeType, list, missing, unknownValue } from "./param-faults.ts";

const bodyOf = (error: MeshError) => JSON.parse(toErrorBody(error)).error;

test("the codes that clients may match on are these", () => {
  expect([...errorCodes].sort()).toEqual([
    "array_above_max_length",
    "context_length_exceeded",
    "decimal_above_max_value",
    "decimal_below_min_value",
    "empty_array",
    "empty_string",
    "insufficient_quota",
    "integer_above_max_value",
    "integer_below_min_value",
    "invalid_api_key",
    "invalid_function_parameters",
    "invalid_image_format",
    "invalid_image_url",
    "invalid_type",
    "invalid_value",
    "loop_detected",
    "method_not_supported",
    "missing_required_parameter",
    "model_not_found",
    "nodes_lost",
    "object_above_max_properties",
    "overloaded",
    "previous_response_not_found",
    "rate_limit_exceeded",
    "request_timeout",
    "request_too_large",
    "router_lost",
    "string_above_max_length",
    "timeout",
    "unknown_parameter",
    "unsupported_content_encoding",
    "unsupported_content_type",
    "unsupported_parameter",
    "unsupported_value",
  ]);
});

test("every code in the mesh's own table is one of them", () => {
  for (const { code } of Object.values(kinds)) expect(code === null || isErrorCode(code)).toBe(true);
});

test("the failures that only HTTP knows have these statuses and codes", () => {
  expect(Object.entries(httpFaults).map(([name, { http, code }]) => [name, http, code])).toEqual([
    ["missing_key", 401, null],
    ["foreign_page", 403, null],
    ["unknown_url", 404, null],
    ["unknown_response", 404, null],
    ["wrong_method", 405, "method_not_supported"],
    ["request_timeout", 408, "request_timeout"],
    ["body_too_large", 413, "request_too_large"],
    ["url_too_long", 414, null],
    ["content_type", 415, "unsupported_content_type"],
    ["content_encoding", 415, "unsupported_content_encoding"],
    ["headers_too_large", 431, null],
    ["loop_detected", 508, "loop_detected"],
    ["shutting_down", 503, null],
  ]);
});

describe("the envelope", () => {
  test("has all four keys, null where there is nothing to say", () => {
    expect(bodyOf(new MeshError("no_nodes", "Nobody."))).toEqual({
      message: "Nobody.",
      type: "server_error",
      param: null,
      code: null,
    });
    expect(bodyOf(missing("messages[0].role"))).toEqual({
      message: "Missing required parameter: 'messages[0].role'.",
      type: "invalid_request_error",
      param: "messages[0].role",
      code: "missing_required_parameter",
    });
  });

  test("hides what a bug says", () => {
    const bug = new MeshError("internal", "reading 'x' of undefined");
    expect(bodyOf(bug).message).toBe(
      "The server had an error while processing your request. Sorry about that!",
    );
  });

  test("does not pass on a code that only some node knows", () => {
    expect(bodyOf(new MeshError("invalid_request", "No.", { code: "gpu_melted" })).code).toBeNull();
    expect(bodyOf(new MeshError("saturated", "No.", { code: "gpu_melted" })).code).toBe("overloaded");
  });

  test("lets an HTTP failure keep its kind for other surfaces", () => {
    const error = shuttingDown();
    expect(error).toBeInstanceOf(HttpError);
    expect(error.kind).toBe("no_nodes");
    expect(error.row.grpc).toBe(kinds.no_nodes.grpc);
    expect(wrongMethod("GET", "/v1/x", "POST").row.http).toBe(405);
  });
});

describe("what an error says about trying again", () => {
  test.each([
    { kind: "saturated", retryAfterMs: 374, after: "1", afterMs: "374" },
    { kind: "rate_limited", retryAfterMs: 1500.2, after: "2", afterMs: "1501" },
    { kind: "caller_queue_full", retryAfterMs: undefined, after: "1", afterMs: "1000" },
    { kind: "queue_expired", retryAfterMs: 3_600_000, after: "30", afterMs: "30000" },
    { kind: "no_nodes", retryAfterMs: 0, after: "1", afterMs: "1" },
  ] as const)(
    "$kind after $retryAfterMs ms: $after s, $afterMs ms",
    ({ kind, retryAfterMs, after, afterMs }) => {
      const error = new MeshError(kind, "Later.", retryAfterMs === undefined ? {} : { retryAfterMs });
      expect(toErrorAnswer(error).headers).toEqual({ "retry-after": after, "retry-after-ms": afterMs });
    },
  );

  test.each([
    { kind: "internal", headers: { "x-should-retry": "false" }, because: "a bug stays one" },
    { kind: "deadline", headers: { "x-should-retry": "false" }, because: "it would run out of time again" },
    { kind: "node_lost", headers: {}, because: "SDKs try 502 again by themselves, and another node may do" },
    { kind: "invalid_request", headers: {}, because: "no SDK tries 400 again" },
  ] as const)("$kind: $because", ({ kind, headers }) => {
    expect(toErrorAnswer(new MeshError(kind, "No.")).headers).toEqual(headers);
  });

  test("no fault of the client has a status that SDKs try again, but for a request that came too late", () => {
    for (const [kind, { http, type }] of Object.entries(kinds))
      if (type === "invalid_request_error")
        expect({ kind, retried: http >= 500 }).toEqual({ kind, retried: false });
    expect(toErrorAnswer(bodyTooLarge(20 * 1024 * 1024)).status).toBe(413);
  });
});

test("a wrong key comes back masked, a short one entirely", () => {
  expect(wrongKey("sk-abcdefghijkwxyz").message).toContain("sk-ab***wxyz.");
  expect(wrongKey("secret").message).toContain(" ***.");
});

test("values and lists read as OpenAI writes them", () => {
  expect([null, [], [1], 1, 1.5, "x", true, {}].map(describeType)).toEqual([
    "null",
    "an empty array",
    "an array",
    "an integer",
    "a decimal number",
    "a string",
    "a boolean",
    "an object",
  ]);
  expect([["a"], ["a", "b"], ["a", "b", "c"]].map((words) => list(words, "and"))).toEqual([
    "a",
    "a and b",
    "a, b, and c",
  ]);
  expect(aboveMaximum("n", "integer", "<= 8", 9).message).toBe(
    "Invalid 'n': integer above maximum value. Expected a value <= 8, but got 9 instead.",
  );
});

test("a long wrong value is not sent back in full", () => {
  expect(unknownValue("model", "x".repeat(1000), ["a"]).message.length).toBeLessThan(200);
});
