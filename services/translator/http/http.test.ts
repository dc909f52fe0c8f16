import type { Socket } from "node:net";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { GenerationSchema } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { GenerateRequestSchema } from "../../../gen/cxmpute/router/v1/router_pb.ts";
import { answerClientError } from "../errors/send-error.ts";
import { JsonBody, parseJsonBody } from "./json-body.ts";
import { JsonScanner, jsonLimits } from "./json-scanner.ts";
import { newId, requestIdOf } from "./request-context.ts";
import { scanMessage } from "./scan-message.ts";

const bytes = (text: string) => Buffer.from(text);

describe("the size of JSON", () => {
  interface Size {
    depth: number;
    parts: number;
    values: number;
  }
  /** The same, the slow and obvious way. */
  function sizeOf(value: unknown): Size {
    if (typeof value !== "object" || value === null)
      return { depth: 0, parts: typeof value === "string" ? 1 : 0, values: 1 };
    const inside = Object.values(value).map(sizeOf);
    const sum = (name: "parts" | "values") => inside.reduce((total, size) => total + size[name], 0);
    return {
      depth: 1 + Math.max(0, ...inside.map(({ depth }) => depth)),
      parts: 1 + (Array.isArray(value) ? 0 : inside.length) + sum("parts"),
      // Arrays and objects count through what they hold; an empty one is not told from one with a single value.
      values: sum("values") + (inside.length === 0 ? 1 : 0),
    };
  }
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom('"', "\\", "[", "{", "]", "}", ",", "x"), maxLength: 3000 }),
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
  const scan = (chunks: readonly Uint8Array[], limits: Size) => {
    const scanner = new JsonScanner(limits);
    for (const chunk of chunks) scanner.scan(chunk);
  };

  test("is what it is after parsing, whatever the strings hold and wherever chunks end", () => {
    fc.assert(
      fc.property(json, fc.array(fc.nat(), { maxLength: 4 }), (value, cuts) => {
        const size = sizeOf(value);
        const encoded = bytes(JSON.stringify(value));
        const at = [0, ...cuts.map((cut) => cut % (encoded.length + 1)), encoded.length].sort(
          (a, b) => a - b,
        );
        const chunks = at.slice(1).map((end, index) => encoded.subarray(at[index], end));
        scan(chunks, size);
        for (const name of ["depth", "parts", "values"] as const)
          if (size[name] > 0)
            expect(() => scan(chunks, { ...size, [name]: size[name] - 1 })).toThrow("parse the JSON body");
      }),
    );
  });

  test("is found in text that breaks off anywhere", () => {
    const limits = { ...jsonLimits, depth: 2 };
    for (const text of ['{"a":"\\', '["', '"\\"', "]]]", ""]) scan([bytes(text)], limits);
    expect(() => scan([bytes("[[[")], limits)).toThrow("at most 2 levels");
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
    { body: `{"a":${"[".repeat(jsonLimits.depth)}`, says: "at most 64 levels" },
    { body: `{"a":[${'"",'.repeat(jsonLimits.parts)}`, says: "at most 100,000 names, strings" },
    { body: `{"a":[${"0,".repeat(jsonLimits.values)}`, says: "at most 500,000 values" },
  ])("is refused when it is not: $says", ({ body, says }) => {
    expect(() => parseJsonBody(bytes(body))).toThrow(says);
    expect(() => parseJsonBody(bytes(body))).toThrow(
      "We could not parse the JSON body of your request. (HINT: ",
    );
  });

  test("is refused when it is not UTF-8", () => {
    expect(() => parseJsonBody(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]))).toThrow("not valid UTF-8");
  });

  test("is the same in chunks that end anywhere", () => {
    const text = '\ufeff{"a":"é€😀\ufeff\\"","b":[1,"\ufeff"]}';
    const whole = bytes(text);
    for (let first = 0; first <= whole.length; first++)
      for (let second = first; second <= whole.length; second++) {
        const body = new JsonBody();
        for (const chunk of [whole.subarray(0, first), whole.subarray(first, second), whole.subarray(second)])
          body.take(chunk);
        expect(body.parse()).toEqual({ a: 'é€😀\ufeff"', b: [1, "\ufeff"] });
      }
  });

  test("is refused when it ends within a character", () => {
    const body = new JsonBody();
    body.take(bytes('{"a":"€').subarray(0, -1));
    expect(() => body.parse()).toThrow("not valid UTF-8");
  });

  test("is never quoted, for it holds a prompt", () => {
    expect(() => parseJsonBody(bytes('{"messages": canary}'))).not.toThrow("canary");
  });
});

describe("an encoded message", () => {
  /** A generation in a request, as bytes. */
  const request = (generation: MessageInitShape<typeof GenerationSchema>) =>
    toBinary(GenerateRequestSchema, create(GenerateRequestSchema, { generation }));
  const parts = (count: number) => ({
    messages: [
      { parts: Array.from({ length: count }, () => ({ part: { case: "text", value: "a" } as const })) },
    ],
  });

  test.each([
    {
      name: "text of a megabyte",
      bytes: request({ rawPrompt: { prompt: { case: "text", value: "a".repeat(1e6) } } }),
    },
    { name: "messages", bytes: request(parts(40_000)) },
    {
      name: "tokens",
      bytes: request({
        rawPrompt: { prompt: { case: "tokens", value: { ids: Array(400_000).fill(70_000) } } },
      }),
    },
  ])("is accepted with $name", ({ bytes }) => {
    expect(() => scanMessage(bytes, GenerateRequestSchema)).not.toThrow();
  });

  test.each([
    { name: "parts", bytes: request(parts(60_000)) },
    {
      name: "biases",
      bytes: request({
        sampling: { logitBias: Object.fromEntries(Array.from({ length: 101_000 }, (_, id) => [id, 1])) },
      }),
    },
    { name: "stop texts", bytes: request({ limits: { stop: Array(101_000).fill("a") } }) },
    {
      name: "tokens",
      bytes: request({
        rawPrompt: { prompt: { case: "tokens", value: { ids: Array(600_000).fill(70_000) } } },
      }),
    },
    { name: "fields that nobody knows", bytes: Buffer.alloc(800_000, Buffer.from([0xfa, 0x07, 0x01, 0x00])) },
  ])("is refused with too many $name", ({ bytes }) => {
    expect(() => scanMessage(bytes, GenerateRequestSchema)).toThrow("may hold at most");
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
