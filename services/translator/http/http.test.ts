import type { Socket } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { answerClientError } from "../errors/send-error.ts";
import { depthLimit, nestsDeeperThan, parseJsonBody } from "./json-body.ts";
import { newId, requestIdOf } from "./request-context.ts";

const bytes = (text: string) => Buffer.from(text);

describe("the depth of JSON", () => {
  /** The same, the slow and obvious way. */
  const depthOf = (value: unknown): number =>
    typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;

  test("is what it is after parsing, whatever the strings hold", () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom('"', "\\", "[", "{", "]", "}", "x"), maxLength: 3000 }),
    );
    const { json } = fc.letrec((tie) => ({
      json: fc.oneof(
        { depthSize: "small" },
        text,
        fc.integer(),
        fc.array(tie("json"), { maxLength: 3 }),
        fc.dictionary(text, tie("json"), { maxKeys: 3 }),
      ),
    }));
    fc.assert(
      fc.property(json, (value) => {
        const depth = depthOf(value);
        const encoded = bytes(JSON.stringify(value));
        expect(nestsDeeperThan(encoded, depth)).toBe(false);
        if (depth > 0) expect(nestsDeeperThan(encoded, depth - 1)).toBe(true);
      }),
    );
  });

  test("is found in text that breaks off anywhere", () => {
    for (const text of ['{"a":"\\', '["', '"\\"', "[[[", "]]]", ""])
      expect(nestsDeeperThan(bytes(text), 2)).toBe(text === "[[[");
  });
});

describe("a body", () => {
  test("is one JSON object, of equal keys the last", () => {
    expect(parseJsonBody(bytes('{"a":1,"a":{"b":"é"}}'))).toEqual({ a: { b: "é" } });
    expect(parseJsonBody(bytes('\ufeff{"a":"\\ud800\\u0000\\u2028"}'))).toEqual({ a: "\ud800\0\u2028" });
  });

  test.each([
    { body: "[1]", says: "must be one JSON object" },
    { body: "null", says: "must be one JSON object" },
    { body: "1", says: "must be one JSON object" },
    { body: "", says: "was not valid JSON." },
    { body: '{"a":1,}', says: "(line 1 column 8)." },
    { body: '{"a":NaN}', says: "was not valid JSON" },
    { body: `{"a":${"[".repeat(depthLimit)}`, says: "at most 64 levels" },
  ])("is refused when it is $body", ({ body, says }) => {
    expect(() => parseJsonBody(bytes(body))).toThrow(says);
    expect(() => parseJsonBody(bytes(body))).toThrow(
      "We could not parse the JSON body of your request. (HINT: ",
    );
  });

  test("is refused when it is not UTF-8", () => {
    expect(() => parseJsonBody(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]))).toThrow("not valid UTF-8");
  });

  test("is never quoted, for it holds a prompt", () => {
    expect(() => parseJsonBody(bytes('{"messages": canary}'))).not.toThrow("canary");
  });
});

describe("a request's id", () => {
  test.each(["req-1", "a/b:c=d@e~f.g+h", "x".repeat(128)])("is the caller's: %s", (id) => {
    expect(requestIdOf({ "x-request-id": id })).toBe(id);
  });

  test.each(["", "a b", "a\tb", "é", "x".repeat(129), undefined])("is a new one instead of %s", (id) => {
    expect(requestIdOf({ "x-request-id": id })).toMatch(/^req_[0-9a-f]{32}$/);
  });

  test("is new every time", () => {
    expect(newId("chatcmpl-")).not.toBe(newId("chatcmpl-"));
  });
});

describe("a connection that never became a request", () => {
  /** What is written to a connection that fails so, and whether it ends. */
  const answerTo = (code: string, socket: Partial<Record<keyof Socket | "_httpMessage", unknown>> = {}) => {
    const seen = { text: "", ended: false };
    const fake = {
      writable: true,
      write: (text: string) => (seen.text += text),
      destroySoon: () => {
        seen.ended = true;
      },
      ...socket,
    };
    answerClientError(Object.assign(new Error("failed"), { code }), fake as unknown as Socket);
    return seen;
  };

  test.each([
    { code: "ERR_HTTP_REQUEST_TIMEOUT", status: "408 Request Timeout", error: "request_timeout" },
    { code: "HPE_HEADER_OVERFLOW", status: "431 Request Header Fields Too Large", error: null },
    { code: "HPE_INVALID_METHOD", status: "400 Bad Request", error: null },
  ])("is told why: $status", ({ code, status, error }) => {
    const { text, ended } = answerTo(code);
    const [head, body] = text.split("\r\n\r\n");
    expect(head).toContain(`HTTP/1.1 ${status}\r\n`);
    expect(head).toContain(`content-length: ${body!.length}`);
    expect(JSON.parse(body!).error).toMatchObject({ type: "invalid_request_error", code: error });
    expect(ended).toBe(true);
  });

  test.each([
    { what: "is gone", code: "ECONNRESET", socket: {} },
    { what: "cannot be written to", code: "HPE_INVALID_METHOD", socket: { writable: false } },
    {
      what: "is in the middle of an answer",
      code: "HPE_INVALID_METHOD",
      socket: { _httpMessage: { headersSent: true } },
    },
  ])("is only ended when it $what", ({ code, socket }) => {
    expect(answerTo(code, socket)).toEqual({ text: "", ended: true });
  });
});
