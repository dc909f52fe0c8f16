import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { schemaBombs } from "../support/inference/schema-bombs.ts";
import { type Mesh, startMesh } from "../support/mesh.ts";
import { freeLoop, seeTurns, takeTurns } from "../support/turns.ts";

let mesh: Mesh;
beforeAll(async () => {
  mesh = await startMesh("in many processes", { nodes: ["attached"], routers: 1, recordTurns: true });
  // Starting is not part of it.
  await takeTurns(mesh);
});
afterAll(() => mesh?.stop());

const user = (content: string) => ({ role: "user", content });

async function ask(
  path: string,
  body: object,
): Promise<{ status: number; body: string; retries: string | null }> {
  const response = await fetch(`${mesh.url}/v1/${path}`, {
    method: "POST",
    headers: mesh.headers,
    body: JSON.stringify({ model: mesh.model, ...body }),
  });
  return {
    status: response.status,
    body: await response.text(),
    retries: response.headers.get("x-should-retry"),
  };
}

const held = (schema: object) => ({
  messages: [user("Hi")],
  max_completion_tokens: 8,
  response_format: { type: "json_schema", json_schema: { name: "bomb", schema } },
});

const called = ({ $defs, ...rest }: { readonly $defs?: unknown }) => ({
  messages: [user("Hi")],
  max_completion_tokens: 8,
  tools: [
    {
      type: "function",
      function: {
        name: "f",
        parameters: { type: "object", properties: { a: rest }, ...($defs === undefined ? {} : { $defs }) },
      },
    },
  ],
  tool_choice: "required",
});

/** Runs an attack while another caller reads a stream, and checks that the node was free all the time. */
async function beside(attack: () => Promise<void>): Promise<void> {
  const stopped = new AbortController();
  const reading = readUntil(stopped.signal);
  reading.catch(() => {});
  try {
    await attack();
  } finally {
    stopped.abort();
  }
  expect(await reading, "pieces that the other stream got").toBeGreaterThan(0);
  const { attached } = await seeTurns(mesh);
  expect(attached?.cpuMs.max, "the longest turn of the node's event loop, ms").toBeLessThan(freeLoop.maxMs);
}

/** Reads one answer after the other; resolves with the number of pieces. */
async function readUntil(signal: AbortSignal): Promise<number> {
  let pieces = 0;
  while (!signal.aborted) {
    const response = await fetch(`${mesh.url}/v1/chat/completions`, {
      method: "POST",
      headers: mesh.headers,
      body: JSON.stringify({
        model: mesh.model,
        stream: true,
        max_completion_tokens: 200,
        messages: [user("Tell me a story.")],
      }),
    });
    expect(response.status).toBe(200);
    let text = "";
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      pieces++;
      text += chunk;
    }
    expect(text).toContain("[DONE]");
    expect(text).not.toContain('"error"');
  }
  return pieces;
}

describe("a schema that would keep llama.cpp busy is refused as the caller's fault, and nobody else waits", () => {
  test("as the format of an answer", () =>
    beside(async () => {
      for (const { name, bomb } of schemaBombs) {
        const { status, body } = await ask("chat/completions", held(bomb));
        expect(`${name}: ${status} ${body}`).toMatch(/: 400 .*(Invalid schema|cannot be enforced)/s);
      }
    }));

  test("as the parameters of a function", () =>
    beside(async () => {
      for (const { name, bomb } of schemaBombs) {
        const { status, body } = await ask("chat/completions", called(bomb));
        expect(`${name}: ${status} ${body}`).toMatch(
          /: 400 .*(Invalid schema|cannot be enforced|context_length_exceeded)/s,
        );
      }
    }));

  test("and an answer can be held to one that is smaller", async () => {
    for (const { name, fine } of schemaBombs) {
      const { status, body } = await ask("chat/completions", held(fine));
      expect(`${name}: ${status} ${body}`).toContain(": 200 ");
    }
  });
});

const megabytes = (piece: string, count: number) =>
  piece.repeat(Math.ceil((count * 1e6) / Buffer.byteLength(piece)));
const exceeded = /^400 .*"code":"context_length_exceeded"/s;

describe("text that cannot fit is refused as the caller's fault, and nobody else waits", () => {
  test.each([
    {
      what: "1.2 MB of words",
      path: "chat/completions",
      body: { messages: [user(megabytes("hello ", 1.2))] },
    },
    { what: "3 MB of words", path: "chat/completions", body: { messages: [user(megabytes("hello ", 3))] } },
    { what: "6 MB of words", path: "chat/completions", body: { messages: [user(megabytes("hello ", 6))] } },
    { what: "3 MB of one letter", path: "chat/completions", body: { messages: [user(megabytes("a", 3))] } },
    { what: "3 MB of spaces", path: "chat/completions", body: { messages: [user(megabytes(" ", 3))] } },
    { what: "3 MB of brackets", path: "chat/completions", body: { messages: [user(megabytes("<", 3))] } },
    {
      what: "2 MB of forged marks",
      path: "chat/completions",
      body: { messages: [user(megabytes("<|im_end|>", 2))] },
    },
    {
      what: "3 MB of characters that text has no use for",
      path: "chat/completions",
      body: { messages: [user(megabytes("\ufdd0", 3))] },
    },
    {
      what: "5 MB in the system message",
      path: "chat/completions",
      body: { messages: [{ role: "system", content: megabytes("be brief ", 5) }, user("Hi")] },
    },
    {
      what: "5 MB in an earlier answer",
      path: "chat/completions",
      body: { messages: [user("Hi"), { role: "assistant", content: megabytes("well ", 5) }, user("Go on")] },
    },
    {
      what: "9,000 messages",
      path: "chat/completions",
      body: { messages: Array.from({ length: 9000 }, () => user("a")) },
    },
    { what: "a raw prompt of 3 MB", path: "completions", body: { prompt: megabytes("hello ", 3) } },
    {
      what: "a raw prompt of 2 MB of marks",
      path: "completions",
      body: { prompt: megabytes("<|im_end|>", 2) },
    },
    {
      what: "a raw prompt of 200,000 tokens",
      path: "completions",
      body: { prompt: Array.from({ length: 200_000 }, (_, index) => index % 100) },
    },
    { what: "an input of 3 MB to embed", path: "embeddings", body: { input: megabytes("hello ", 3) } },
    {
      what: "descriptions of functions of 4 MB",
      path: "chat/completions",
      body: {
        messages: [user("Hi")],
        tools: Array.from({ length: 64 }, (_, index) => ({
          type: "function",
          function: {
            name: `f${index}`,
            parameters: { type: "object", properties: {}, description: megabytes("text ", 0.06) },
          },
        })),
      },
    },
  ])("$what", ({ path, body }) =>
    beside(async () => {
      const answers = await Promise.all([ask(path, body), ask(path, body)]);
      for (const { status, body } of answers) expect(`${status} ${body.slice(0, 500)}`).toMatch(exceeded);
    }),
  );
});

test("99 of 100 events waited less than 50 ms for the processor in every process", async () => {
  const late = Object.entries(await seeTurns(mesh)).filter(([, { cpuMs }]) => cpuMs.p99 >= freeLoop.p99Ms);
  expect(Object.fromEntries(late)).toEqual({});
});

test("SIGTERM ends a node that is under attack, with its answers", async () => {
  const attack = { messages: [user(megabytes("hello ", 3))] };
  const asked = [ask("chat/completions", attack), ask("chat/completions", held(schemaBombs[0]!.bomb))];
  const { code } = await mesh.programs.get("attached")!.stop();
  expect(code).toBe(0);
  for (const { status } of await Promise.all(asked)) expect([400, 503]).toContain(status);
});
