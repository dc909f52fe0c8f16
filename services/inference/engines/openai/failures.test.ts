import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import type { MeshError } from "../../../../core/errors/mesh-error.ts";
import { loopMessage } from "../../../../core/hops.ts";
import { generationOf } from "../../../../test/support/inference/fake-engine.ts";
import {
  askScripted,
  askStream,
  chunk,
  done,
  engineFor,
  event,
  hello,
  never,
  type Received,
  scriptedServer,
  sendEvents,
  sendJson,
} from "../../../../test/support/inference/openai.ts";
import { transcribe } from "../../transcript.ts";

/** What an answer fails with. */
const failureOf = (answer: Promise<unknown>): Promise<MeshError> =>
  answer.then(
    () => expect.unreachable("the answer did not fail"),
    (error: MeshError) => error,
  );

/** The messages of an error and what lies beneath it: what the provider's log shows. */
const wordsOf = (error: MeshError): string => {
  const words: string[] = [];
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) words.push(cause.message);
  return words.join("\n");
};

const some = event(chunk({ content: "Hi" }));

describe("a stream that goes wrong is a failure and never an end:", () => {
  test.each<{ what: string; bytes: string; kind: string; says: RegExp }>([
    {
      what: "an error object",
      bytes: `${some}${event({ error: { message: "CUDA out of memory" } })}${done}`,
      kind: "engine_failed",
      says: /CUDA out of memory/,
    },
    {
      what: "vLLM's flat error",
      bytes:
        some + event({ object: "error", message: "dead", type: "InternalServerError", code: 500 }) + done,
      kind: "engine_failed",
      says: /dead/,
    },
    {
      what: "`event: error`",
      bytes: `${some}event: error\ndata: {"message":"dead"}\n\n`,
      kind: "engine_failed",
      says: /dead/,
    },
    {
      what: "`event: error` in plain words",
      bytes: `${some}event: error\ndata: it died\n\n`,
      kind: "engine_failed",
      says: /it died/,
    },
    {
      what: "TGI's error",
      bytes: some + event({ error: "Request failed during generation", error_type: "generation" }),
      kind: "engine_failed",
      says: /during generation/,
    },
    {
      what: "OpenRouter's error chunk",
      bytes:
        some +
        event(chunk({ content: "" }, "error", { error: { code: 502, message: "Provider disconnected" } })),
      kind: "engine_failed",
      says: /Provider disconnected/,
    },
    {
      what: "an error that says it is busy",
      bytes: event({ error: { message: "full", type: "overloaded_error" } }),
      kind: "saturated",
      says: /busy/,
    },
    {
      what: "an error that blames the request",
      bytes: event({ error: { message: "bad schema", type: "BadRequestError", code: 400 } }),
      kind: "invalid_request",
      says: /bad schema/,
    },
    { what: "its end in the middle", bytes: some, kind: "engine_failed", says: /broke off/ },
    {
      what: "its end in the middle of an event",
      bytes: `${some}data: {"choices":[{"index":0,"del`,
      kind: "engine_failed",
      says: /no JSON/,
    },
    { what: "nothing at all", bytes: "", kind: "engine_failed", says: /broke off/ },
    {
      what: "a web page",
      bytes: "<html><body>It works!</body></html>",
      kind: "engine_failed",
      says: /broke off/,
    },
    {
      what: "data that is no JSON",
      bytes: `${some}data: oops\n\n${done}`,
      kind: "engine_failed",
      says: /no JSON/,
    },
    {
      what: "an event without end",
      bytes: `data: ${"x".repeat(9 * 1024 * 1024)}`,
      kind: "engine_failed",
      says: /more than 8 MiB/,
    },
  ])("$what", async ({ bytes, kind, says }) => {
    const error = await failureOf(askStream(bytes));
    expect(error.kind).toBe(kind);
    expect(wordsOf(error)).toMatch(says);
  });

  test("a connection that breaks", async () => {
    const error = await failureOf(
      askScripted((received) => {
        sendEvents(received, some);
        setImmediate(() => received.response.destroy());
      }),
    );
    expect(error).toMatchObject({
      kind: "engine_failed",
      message: "The engine of `m` broke the connection.",
    });
  });
});

test("wherever a stream is cut off, its answer is whole or a failure", async () => {
  const bytes = Buffer.from(hello);
  const finishAt = bytes.indexOf('"finish_reason":"stop"');
  let length = 0;
  const server = await scriptedServer((received) => {
    if (received.method !== "POST") return;
    sendEvents(received, bytes.subarray(0, length));
    received.response.end();
  });
  const engine = await engineFor(server);
  const whole: number[] = [];
  for (; length <= bytes.length; length++) {
    const answer = await transcribe(engine.generate(generationOf(), never)).catch(
      (error: MeshError) => error,
    );
    if (answer instanceof Error) expect(answer.kind).toBe("engine_failed");
    else {
      expect(answer.text).toBe("Hello");
      whole.push(length);
    }
  }
  // Not one of them before the reason is there, and all of them once it is.
  expect(whole[0]).toBeGreaterThan(finishAt);
  expect(whole.at(-1)).toBe(bytes.length);
  await server.close();
});

describe("a response with status 200 that is no stream is a failure:", () => {
  test.each<{ what: string; type: string; body: string; kind: string; says: RegExp }>([
    {
      what: "an error in JSON",
      type: "application/json",
      body: '{"error":{"message":"no GPU left"}}',
      kind: "engine_failed",
      says: /no GPU left/,
    },
    {
      what: "a context that is too small, in JSON",
      type: "application/json",
      body: '{"object":"error","code":400,"message":"This model\'s maximum context length is 64 tokens. However, your messages resulted in 70 tokens."}',
      kind: "invalid_request",
      says: /maximum context length is 64 tokens\. However, your messages resulted in 70 tokens/,
    },
    {
      what: "an answer in JSON",
      type: "application/json",
      body: '{"object":"chat.completion","choices":[]}',
      kind: "engine_failed",
      says: /application\/json instead of an event stream/,
    },
    {
      what: "a web page",
      type: "text/html",
      body: "<html></html>",
      kind: "engine_failed",
      says: /a web page instead of an event stream/,
    },
    {
      what: "plain text",
      type: "text/plain",
      body: "data: [DONE]",
      kind: "engine_failed",
      says: /text\/plain instead/,
    },
    {
      what: "a body without a type",
      type: "",
      body: "data: [DONE]",
      kind: "engine_failed",
      says: /no known type/,
    },
  ])("$what", async ({ type, body, kind, says }) => {
    const error = await failureOf(
      askScripted(({ response }) => {
        response.writeHead(200, type === "" ? {} : { "content-type": type });
        response.end(body);
      }),
    );
    expect(error.kind).toBe(kind);
    expect(wordsOf(error)).toMatch(says);
  });
});

describe("a status", () => {
  const ask = (status: number, body: unknown = {}, headers = {}) =>
    failureOf(askScripted((received) => sendJson(received, body, status, headers)));

  test.each([
    [301, "is somewhere else"],
    [307, "is somewhere else"],
    [401, "refused the key of this node"],
    [403, "refused the key of this node"],
    [404, "does not serve it any more, or not in this way"],
    [405, "cannot do what this request needs"],
    [501, "cannot do what this request needs"],
    [500, "failed"],
    [502, "failed"],
    [504, "failed"],
  ])("%i means that the engine %s", async (status, what) => {
    expect(await ask(status)).toMatchObject({
      kind: "engine_failed",
      message: `The engine of \`m\` ${what}.`,
    });
  });

  test("401 tells the provider what to do, and the caller nothing of it", async () => {
    const error = await ask(401, { error: "Unauthorized" });
    expect(error.message).not.toMatch(/http|Unauthorized/);
    expect(wordsOf(error)).toMatch(
      /The server at http:\/\/127\.0\.0\.1:\d+\/v1 refused the key \(HTTP 401\)\. Give the key that it was started with as the engine's key\. It said: Unauthorized/,
    );
  });

  test("of a redirect is not followed: the key stays here", async () => {
    let elsewhere = 0;
    const other = await scriptedServer(() => void elsewhere++);
    const error = await ask(307, {}, { location: `${other.url}/v1/chat/completions` });
    expect(wordsOf(error)).toMatch(/redirects to another address \(HTTP 307\)\. Give that address instead/);
    expect(elsewhere).toBe(0);
    await other.close();
  });

  test.each([
    { status: 429, headers: { "retry-after": "7" }, retryAfterMs: 7000 },
    { status: 503, headers: { "retry-after-ms": "250" }, retryAfterMs: 250 },
    { status: 503, headers: {}, retryAfterMs: 1000 },
    { status: 529, headers: { "retry-after": "100000" }, retryAfterMs: 60_000 },
    { status: 429, headers: { "retry-after": "Fri, 01 Jan 1999 00:00:00 GMT" }, retryAfterMs: 0 },
    { status: 429, headers: { "retry-after": "soon" }, retryAfterMs: 1000 },
  ])(
    "$status with $headers is `saturated` for $retryAfterMs ms",
    async ({ status, headers, retryAfterMs }) => {
      const error = await ask(status, { error: { message: "slow down" } }, headers);
      expect(error).toMatchObject({
        kind: "saturated",
        retryAfterMs,
        message: "The engine of `m` is busy. Try again later.",
      });
    },
  );

  test("429 for a quota that is used up is no matter of waiting", async () => {
    const error = await ask(429, { error: { message: "pay", code: "insufficient_quota" } });
    expect(error.kind).toBe("engine_failed");
  });

  test.each([
    {
      because: "OpenAI names it",
      body: { error: { message: "Bad.", param: "top_p", code: "invalid_value" } },
      param: "top_p",
      code: "invalid_value",
    },
    {
      because: "OpenAI names a path",
      body: { error: { message: "Bad.", param: "messages[0].role" } },
      param: "messages[0].role",
      code: undefined,
    },
    {
      because: "FastAPI names where",
      body: { detail: [{ loc: ["body", "top_p"], msg: "too big" }] },
      param: "top_p",
      code: undefined,
    },
    {
      because: "the words name an unknown argument",
      body: { error: { message: "Unrecognized request argument supplied: top_k" } },
      param: "top_k",
      code: undefined,
    },
    {
      because: "the words quote it",
      body: { object: "error", message: "Value of 'min_p' is odd." },
      param: "min_p",
      code: undefined,
    },
    {
      because: "what is named is no parameter of ours",
      body: { error: { message: "Bad.", param: "secret_switch" } },
      param: undefined,
      code: undefined,
    },
    {
      because: "nothing is named",
      body: { error: { message: "Bad.", code: 400 } },
      param: undefined,
      code: undefined,
    },
  ])("400 is the caller's fault, with the parameter $param: $because", async ({ body, param, code }) => {
    const error = await ask(400, body);
    expect([error.kind, error.param, error.code]).toEqual(["invalid_request", param, code]);
    expect(error.message).toMatch(/^The engine of `m` refused the request: /);
  });

  test.each([
    [400, "Cannot have 2 or more assistant messages at the end of the list."],
    [422, "Template error: roles must alternate"],
    [500, "Conversation roles must alternate user/assistant (in chat template)"],
  ])("%i that objects to the messages is the caller's fault: %s", async (status, message) => {
    expect((await ask(status, { error: { message } })).kind).toBe("invalid_request");
  });

  test.each<{ server: string; status: number; body: unknown; says: string }>([
    {
      server: "llama-server",
      status: 400,
      body: {
        error: {
          code: 400,
          message:
            "request (8010 tokens) exceeds the available context size (1024 tokens), try increasing it",
          type: "exceed_context_size_error",
          n_prompt_tokens: 8010,
          n_ctx: 1024,
        },
      },
      says: "is 1024 tokens. However, your messages resulted in 8010 tokens.",
    },
    {
      server: "vLLM",
      status: 400,
      body: {
        object: "error",
        message:
          "This model's maximum context length is 4096 tokens. However, you requested 5010 tokens (5000 in the messages, 10 in the completion). Please reduce the length of the messages or completion.",
        type: "BadRequestError",
        param: null,
        code: 400,
      },
      says: "is 4096 tokens. However, your messages resulted in 5000 tokens.",
    },
    {
      server: "OpenAI and meshes",
      status: 400,
      body: {
        error: {
          message:
            "This model's maximum context length is 1024 tokens. However, your messages resulted in 2000 tokens.",
          type: "invalid_request_error",
          param: "messages",
          code: "context_length_exceeded",
        },
      },
      says: "is 1024 tokens. However, your messages resulted in 2000 tokens.",
    },
    {
      server: "SGLang",
      status: 400,
      body: {
        object: "error",
        message: "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
        type: "BadRequestError",
        code: 400,
      },
      says: "is 4096 tokens. However, your messages resulted in 5000 tokens.",
    },
    {
      server: "TGI",
      status: 422,
      body: {
        error: "Input validation error: `inputs` must have less than 4095 tokens. Given: 5000 `inputs`",
        error_type: "validation",
      },
      says: "resulted in 5000 tokens.",
    },
    {
      server: "one that does not count",
      status: 400,
      body: { error: { message: "The prompt is too long." } },
      says: "is 4096 tokens. However, your messages did not fit into it.",
    },
  ])("with a prompt that does not fit is told in OpenAI's words: $server", async ({ status, body, says }) => {
    const error = await ask(status, body);
    expect(error).toMatchObject({
      kind: "invalid_request",
      code: "context_length_exceeded",
      param: "messages",
    });
    expect(error.message).toContain("This model's maximum context length");
    expect(error.message).toContain(says);
  });
});

test("a request that went round between meshes may be answered by a node that has the model itself", async () => {
  const error = await failureOf(
    askScripted((received) =>
      sendJson(received, { error: { message: "You go round.", code: "loop_detected" } }, 508),
    ),
  );
  expect(error).toMatchObject({ kind: "engine_failed", code: "loop_detected", message: loopMessage });
  expect(wordsOf(error)).toMatch(/\nThe mesh at http.*\/v1 sent a request back .* with --only /);
});

describe("what a server says", () => {
  const said = async (message: string): Promise<string> =>
    (await failureOf(askScripted((received) => sendJson(received, { error: { message } }, 400)))).message;

  test("is passed on as one short line without control characters", async () => {
    const message = await said(`a\r\nb\u001b[31m\u202ec\u0000 ${"long ".repeat(1000)}`);
    expect(message).toMatch(/^The engine of `m` refused the request: a b \[31m c long /);
    expect([...message].length).toBeLessThan(350);
    expect(message.endsWith("…")).toBe(true);
  });

  test.each([
    ["No such file: /home/alice/models/secret.gguf!", "No such file: (a path)!"],
    [String.raw`Cannot open C:\Users\alice\m.gguf`, "Cannot open (a path)"],
    ["Key sk-abcdefgh12345678 is wrong", "Key (a key) is wrong"],
    ["Sent Bearer abc.def to http://10.0.0.7:8000/v1", "Sent (a key) to (an address)"],
    ["Upstream 10.0.0.7:8000 is away", "Upstream (an address) is away"],
    ["Give a number and/or a string", "Give a number and/or a string"],
  ])("hides what is nobody's business: %s", async (message, shown) => {
    expect(await said(message)).toBe(`The engine of \`m\` refused the request: ${shown}`);
  });
});

describe("a server that cannot be reached", () => {
  test("that is gone fails answers, and tells the provider where it was looked for", async () => {
    const server = await scriptedServer(() => {});
    const engine = await engineFor(server);
    await server.close();
    const error = await failureOf(transcribe(engine.generate(generationOf(), never)));
    expect(error).toMatchObject({ kind: "engine_failed", message: "The engine of `m` cannot be reached." });
    expect(wordsOf(error)).toContain(
      `Cannot use the server at ${server.url}/v1: nothing listens there. Start the server`,
    );
  });

  test("that closes a kept connection is asked once more, on a new one", async () => {
    let refused = 0;
    const server = await scriptedServer((received) => {
      if (received.method !== "POST") return;
      if (refused++ === 0) received.response.socket?.destroy();
      else {
        sendEvents(received, some + event(chunk({}, "stop")) + done);
        received.response.end();
      }
    });
    const engine = await engineFor(server);
    expect((await transcribe(engine.generate(generationOf(), never))).text).toBe("Hi");
    await server.close();
  });

  test("that breaks every connection fails after the second", async () => {
    const destroy = ({ response }: Received) => void response.socket?.destroy();
    let asked = 0;
    const error = await failureOf(
      askScripted((received) => {
        asked++;
        destroy(received);
      }),
    );
    expect([error.message, asked]).toEqual(["The engine of `m` broke the connection.", 2]);
  });

  test("because it does not speak HTTP is told so", async () => {
    const server = createServer((socket) => socket.end("SSH-2.0-OpenSSH_9.9\r\n"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(engineFor({ url })).rejects.toThrow(
      `Cannot use the server at ${url}/v1: it does not speak HTTP. Check the port in --url, and whether it needs https://.`,
    );
    server.close();
  });
});
