import { expect, test } from "vitest";
import {
  answering,
  answerOf,
  bearer,
  createScript,
  question,
  startedEvent,
  textEvent,
} from "../support/translator/translator.ts";
import { connectRaw, parseResponses, rawRequest, serveTranslator } from "./support.ts";

const errorOf = (body: string) => JSON.parse(body).error;

test.each([
  { what: "is not HTTP", sent: "hello there\r\n\r\n", status: 400 },
  {
    what: "has headers that are too large",
    sent: `GET /v1/models HTTP/1.1\r\nhost: x\r\nx-a: ${"x".repeat(20_000)}\r\n\r\n`,
    status: 431,
  },
  {
    what: "tells its length twice",
    sent: "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
    status: 400,
  },
])("what $what gets the envelope and the end of its connection", async ({ sent, status }) => {
  const translator = await serveTranslator(answering([]));
  const { socket, text, closed } = await connectRaw(translator);
  socket.write(sent);
  await closed;
  const [response] = parseResponses(text());
  expect(response!.status).toBe(status);
  expect(response!.head).toMatch(/x-request-id: req_/);
  expect(errorOf(response!.body)).toMatchObject({ type: "invalid_request_error", param: null, code: null });
});

test("noise behind a request is answered whole, by its own or by the other's answer", async () => {
  const translator = await serveTranslator(answering(answerOf("whole")));
  const { socket, text, closed } = await connectRaw(translator);
  socket.write(`${rawRequest()}noise\r\n\r\n`);
  await closed;
  const responses = parseResponses(text());
  expect(responses.length).toBeGreaterThan(0);
  for (const { status, body } of responses)
    expect(JSON.parse(body)).toHaveProperty(status === 200 ? "choices" : "error");
});

test("noise behind a stream does not get into it", async () => {
  const script = createScript();
  const translator = await serveTranslator(script.generate);
  const { socket, text, received, closed } = await connectRaw(translator);
  socket.write(rawRequest({ stream: true }));
  const call = await script.next();
  call.push(startedEvent(), textEvent("begun"));
  await received(/begun/);
  socket.write("noise\r\n\r\n");
  await closed;
  expect(text().match(/HTTP\/1\.1/g)).toHaveLength(1);
  await call.aborted;
});

test("a body over the limit is answered 413, and the connection survives it", async () => {
  const translator = await serveTranslator(answering(answerOf("small")));
  const { socket, text, received } = await connectRaw(translator);
  const body = JSON.stringify(question({ padding: "x".repeat(21 * 1024 * 1024) }));
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: ${bearer.authorization}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  await received(/request_too_large/);
  socket.write(rawRequest());
  await received(/small/);
  expect(parseResponses(text()).map(({ status }) => status)).toEqual([413, 200]);
});

test("a body over the limit that does not tell its length is answered 413 too", async () => {
  const translator = await serveTranslator(answering([]));
  async function* endless() {
    for (let piece = 0; piece < 22 * 16; piece++) yield new Uint8Array(64 * 1024).fill(0x20);
  }
  const response = await fetch(`${translator.url}/v1/chat/completions`, {
    method: "POST",
    headers: { ...bearer, "content-type": "application/json" },
    body: ReadableStream.from(endless()),
    duplex: "half",
  } as RequestInit);
  expect([response.status, errorOf(await response.text()).code]).toEqual([413, "request_too_large"]);
});

test("a port that is taken is said to be so", async () => {
  const { port } = await serveTranslator(answering([]));
  await expect(serveTranslator(answering([]), { listen: `127.0.0.1:${port}` })).rejects.toThrow(
    /already in use.*--listen HOST:PORT/,
  );
});
