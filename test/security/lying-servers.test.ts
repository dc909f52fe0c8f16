import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Mesh, startMesh } from "../support/mesh.ts";

/** What a server does with a chat; the rest it answers like any server. */
type Script = (response: ServerResponse) => void;

const chunk = (content: string, finish: string | null = null, more: object = {}) =>
  `data: ${JSON.stringify({
    id: "x",
    object: "chat.completion.chunk",
    created: 1,
    model: "m",
    choices: [{ index: 0, delta: { content }, finish_reason: finish }],
    ...more,
  })}\n\n`;
const done = "data: [DONE]\n\n";
const begin = (response: ServerResponse) =>
  response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
const says =
  (...parts: string[]): Script =>
  (response) => {
    begin(response);
    response.end(parts.join(""));
  };
const honest = says(chunk("It is "), chunk("so."), chunk("", "stop"), done);

/** Each test has a model of its own: failures of one eject its server for that model only. */
const models = Array.from({ length: 11 }, (_, index) => `m${index}`);

/** A server with OpenAI's protocol, which does what the test says. */
class FakeServer {
  /** What it does with the next chat with a model; later ones are honest. */
  readonly next = new Map<string, Script>();
  readonly #chats = new Map<string, number>();
  readonly #server = createServer((request, response) => {
    if (request.method === "POST") void this.#chat(request, response);
    else if (request.url?.endsWith("/models")) {
      const data = models.map((id) => ({ id, object: "model", owned_by: "vllm", max_model_len: 4096 }));
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ object: "list", data }));
    } else response.writeHead(404).end();
  });

  chatsWith(model: string): number {
    return this.#chats.get(model) ?? 0;
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #chat(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { model } = (await json(request)) as { model: string };
    const script = this.next.get(model) ?? honest;
    this.next.delete(model);
    this.#chats.set(model, this.chatsWith(model) + 1);
    script(response);
  }
}

const liar = new FakeServer();
const other = new FakeServer();
let mesh: Mesh;
beforeAll(async () => {
  mesh = await startMesh("in many processes", { nodes: [], routers: 1 });
  await Promise.all(
    [liar, other].map(async (server, index) => {
      const node = await mesh.join(`n${index}`, [
        "--engine",
        "openai",
        "--slots",
        "1",
        "--url",
        await server.listen(),
      ]);
      for (const name of models)
        await node.logged(({ msg, model: probed }) => msg.endsWith("was probed") && probed === name);
    }),
  );
});
afterAll(async () => {
  await mesh?.stop();
  liar.close();
  other.close();
});

let used = 0;
let model = "";
beforeEach(() => {
  model = models[used++]!;
});

async function ask(body: object = {}) {
  const response = await fetch(`${mesh.url}/v1/chat/completions`, {
    method: "POST",
    headers: mesh.headers,
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Hello there" }], ...body }),
  });
  const { choices, usage } = (await response.json()) as {
    choices?: { message: { content: string }; finish_reason: string }[];
    usage?: { prompt_tokens: number; completion_tokens: number };
  };
  const [choice] = choices ?? [];
  return { status: response.status, text: choice?.message.content, finish: choice?.finish_reason, usage };
}

/** As many at a time as there are slots, so that the liar gets one of them; all answers to those with this script. */
async function askLiar(script: Script, body: object = {}) {
  liar.next.set(model, script);
  for (;;) {
    const answers = await Promise.all([ask(body), ask(body)]);
    if (!liar.next.has(model)) return answers;
  }
}

test("a server that claims 50,000 tokens for `Hello there` is not believed", async () => {
  const usage = { prompt_tokens: 50_000, completion_tokens: 50_000, total_tokens: 100_000 };
  const lie = says(chunk("Hi."), chunk("", "stop", { usage }), done);
  const answers = await askLiar(lie);
  const { status, usage: counted } = answers.find(({ text }) => text === "Hi.")!;
  expect(status).toBe(200);
  expect(counted?.completion_tokens).toBeLessThanOrEqual(3);
  expect(counted?.prompt_tokens).toBeLessThan(50);
  const { discrepancy } = await mesh.programs
    .get("router-1")!
    .logged((line) => line.msg === "generation finished" && line.discrepancy !== undefined);
  expect(discrepancy).toBeGreaterThan(99_000);
});

test("a server that ignores `max_tokens` is cut with `length`", async () => {
  const lie = says(...Array.from({ length: 50 }, () => chunk("word ")), chunk("", "stop"), done);
  const cut = (await askLiar(lie, { max_tokens: 5 })).find(({ finish }) => finish === "length");
  expect([cut?.text, cut?.usage?.completion_tokens]).toEqual(["word word word word word ", 5]);
});

test.each<{ what: string; lie: Script }>([
  { what: "without a finish reason", lie: says(chunk("LIE"), done) },
  {
    what: "with a broken chunk",
    lie: says(chunk("LIE"), 'data: {"choices": [\n\n', chunk("", "stop"), done),
  },
  {
    what: "that shows nothing of the tokens it counts",
    lie: says(chunk(""), chunk("", "stop", { usage: { prompt_tokens: 5, completion_tokens: 40 } }), done),
  },
  { what: "with an unknown finish reason", lie: says(chunk("LIE"), chunk("", "abort"), done) },
  {
    what: "that is a web page",
    lie: (response) => response.writeHead(200, { "content-type": "text/html" }).end("LIE"),
  },
  {
    what: "whose connection breaks",
    lie: (response) => {
      begin(response);
      response.write(chunk("LIE"));
      setTimeout(() => response.destroy(), 50);
    },
  },
])("an answer $what is never a `stop`: another node answers or continues it", async ({ lie }) => {
  for (const { status, text, finish } of await askLiar(lie)) {
    expect([status, finish]).toEqual([200, "stop"]);
    expect(text).toMatch(/^(LIE)?It is so\.$/);
  }
});

test.each<{ when: string; lie: Script; text: string }>([
  { when: "before its first byte", lie: () => {}, text: "It is so." },
  { when: "behind its headers", lie: begin, text: "It is so." },
  {
    when: "in the middle of an answer",
    lie: (response) => {
      begin(response);
      response.write(chunk("So far. "));
    },
    text: "So far. It is so.",
  },
])("a server that hangs $when is left for an idle node", async ({ lie, text }) => {
  // From its first answers the node learns its usual times.
  const enough = liar.chatsWith(model) + 4;
  while (liar.chatsWith(model) < enough) await Promise.all([ask(), ask()]);
  const answers = await askLiar(lie);
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect(answers.map((answer) => answer.text)).toContain(text);
});
