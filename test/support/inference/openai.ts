import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "../../../core/clock.ts";
import { systemClock } from "../../../core/clock.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import { silentLog } from "../../../core/telemetry/log.ts";
import type { ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Engine } from "../../../services/inference/engine.ts";
import { createOpenAiEngine } from "../../../services/inference/engines/openai/index.ts";
import type { OpenAiOptions } from "../../../services/inference/engines/openai/options.ts";
import { type Transcript, transcribe } from "../../../services/inference/transcript.ts";
import { type GenerationInit, generationOf } from "./fake-engine.ts";

/** A request that has reached a scripted server. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  /** The body as it came, and parsed; empty and undefined for a GET. */
  readonly text: string;
  readonly body: Record<string, unknown> | undefined;
  readonly response: ServerResponse;
  /** Resolves when the connection of the request is gone before its response was complete. */
  readonly aborted: Promise<void>;
}

/** A server on loopback that says exactly what a test wants. */
export interface ScriptedServer {
  readonly url: string;
  /** All requests, in order. */
  readonly received: readonly Received[];
  /** Connections that are open. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

/** What a scripted server does with a request; what it leaves alone is answered with 404. */
export type Script = (received: Received) => void | Promise<void>;

/** Starts one. `GET /v1/models` lists one model, `m`, unless the script answers it. */
export async function scriptedServer(script: Script): Promise<ScriptedServer> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const text = await readBody(request);
    const one: Received = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers,
      text,
      body: text === "" ? undefined : JSON.parse(text),
      response,
      aborted: new Promise((resolve) =>
        response.once("close", () => {
          if (!response.writableFinished) resolve();
        }),
      ),
    };
    received.push(one);
    await script(one);
    if (response.headersSent || response.destroyed || isHeld(one)) return;
    if (one.path === "/v1/models") sendJson(one, modelList("m"));
    else sendJson(one, { error: { message: "File Not Found" } }, 404);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    connections: () =>
      new Promise((resolve, reject) =>
        server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      ),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Requests that a script keeps without an answer. */
const held = new WeakSet<Received>();
const isHeld = (received: Received): boolean => held.has(received);

/** Says nothing to a request, for good. */
export const hold = (received: Received): void => void held.add(received);

/** Answers with JSON. */
export function sendJson({ response }: Received, value: unknown, status = 200, headers = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(value));
}

/** OpenAI's list of models. */
export const modelList = (...ids: string[]): object => ({
  object: "list",
  data: ids.map((id) => ({ id, object: "model", created: 1, owned_by: "somebody" })),
});

/** Begins an event stream with these bytes and leaves it open. */
export function sendEvents({ response }: Received, bytes: string | Buffer): void {
  if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  response.write(bytes);
}

/** One event of a stream. */
export const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;

/** A chunk of a chat with this delta. */
export const chunk = (delta: object | null, finish: string | null = null, more: object = {}): object => ({
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  created: 1,
  model: "m",
  choices: [{ index: 0, delta, finish_reason: finish }],
  ...more,
});

/** The last chunk before `[DONE]`. */
export const usageChunk = (prompt: number, completion: number): object => ({
  ...chunk(null),
  choices: [],
  usage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion },
});

/** The last event. */
export const done = "data: [DONE]\n\n";

/** A whole stream that answers "Hello". */
export const hello = [
  event(chunk({ role: "assistant", content: "" })),
  event(chunk({ content: "Hel" })),
  event(chunk({ content: "lo" })),
  event(chunk({}, "stop")),
  event(usageChunk(5, 2)),
  done,
].join("");

/** An engine in front of a server, its models asked for; the node's guard is not there. */
export async function engineFor(
  { url }: Pick<ScriptedServer, "url">,
  {
    clock = systemClock,
    log = silentLog,
    ...options
  }: Partial<OpenAiOptions> & { clock?: Clock; log?: Log } = {},
): Promise<Engine> {
  const engine = createOpenAiEngine({ url, ...options }, { clock, log });
  await engine.models(never);
  return engine;
}

/** A signal that never aborts. */
export const never = new AbortController().signal;

/** What comes of asking a server that answers each chat with this script. */
export async function askScripted(script: Script, init: GenerationInit = {}): Promise<Transcript> {
  const server = await scriptedServer(async (received) => {
    if (received.method === "POST") await script(received);
  });
  try {
    const engine = await engineFor(server);
    return await transcribe(engine.generate(generationOf(init), never));
  } finally {
    await server.close();
  }
}

/** The same for a server that sends these bytes as an event stream and ends it. */
export const askStream = (bytes: string | Buffer, init: GenerationInit = {}): Promise<Transcript> =>
  askScripted((received) => {
    sendEvents(received, bytes);
    received.response.end();
  }, init);

/** What comes of asking a server of some kind. */
export interface Asked {
  readonly served: ServedModel;
  readonly answer: Transcript;
  /** The body of the request that the generation became. */
  readonly body: Record<string, unknown>;
}

/** A server as it shows itself: by the owner of its models, and by what it has at other paths. */
export interface ServerKindShown {
  readonly owner: string;
  readonly paths?: Readonly<Record<string, object>>;
}

/**
 * What comes of asking a server that shows itself so, and answers with these pieces: texts, or deltas of a chat; then it
 * stops, with a prompt of 9 and an answer of 4 tokens.
 */
export async function askServer(
  { owner, paths = {} }: ServerKindShown,
  init: GenerationInit,
  pieces: readonly (string | object)[],
): Promise<Asked> {
  const list = { ...modelList(), data: [{ id: "m", object: "model", owned_by: owner }] };
  const server = await scriptedServer((received) => {
    const { method, path, response } = received;
    const value = { "/v1/models": list, ...paths }[path];
    if (method === "GET" && value !== undefined) sendJson(received, value);
    if (method === "GET") return;
    const isChat = path.endsWith("/chat/completions");
    const toChunk = (piece: string | object) => {
      if (typeof piece === "object") return chunk(piece);
      return isChat ? chunk({ content: piece }) : { choices: [{ index: 0, text: piece }] };
    };
    const end = isChat ? chunk({}, "stop") : { choices: [{ index: 0, text: "", finish_reason: "stop" }] };
    sendEvents(received, [...pieces.map(toChunk), end, usageChunk(9, 4)].map(event).join("") + done);
    response.end();
  });
  try {
    const engine = createOpenAiEngine({ url: server.url }, { clock: systemClock, log: silentLog });
    const [served] = await engine.models(never);
    const answer = await transcribe(engine.generate(generationOf(init), never));
    const body = server.received.find(({ method }) => method === "POST")?.body ?? {};
    return { served: served!, answer, body };
  } finally {
    await server.close();
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
