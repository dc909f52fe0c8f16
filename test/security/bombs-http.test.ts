import { readFileSync } from "node:fs";
import { toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GenerateRequestSchema } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { type Mesh, startMesh } from "../support/mesh.ts";
import { openStream } from "../support/streams.ts";
import { freeLoop, seeTurns, takeTurns } from "../support/turns.ts";

// Requests that are more work than they look, or as much as a body of 20 MiB can be. No process may stop for them.

const MB = 1_000_000;
const model = "synthetic";
const models = {
  steady: { tokensPerSecond: 50, answerTokens: 1000 },
  // For what is large and right.
  roomy: { contextLength: 8 * MB, vision: true },
};
const engine = [
  ...["--engine", "synthetic", "--first-token-ms", "1", "--tokens-per-second", "0", "--slots", "16"],
  ...["--synthetic-models", JSON.stringify(models)],
];

let mesh: Mesh;
beforeAll(async () => {
  mesh = await startMesh("in many processes", { engine, routers: 1, recordTurns: true });
  await takeTurns(mesh);
});
afterAll(() => mesh?.stop());

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function post(
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
  type = "application/json",
): Promise<Answer> {
  const response = await fetch(mesh.url + path, {
    method: "POST",
    headers: { ...mesh.headers, "content-type": type },
    body,
  });
  return { status: response.status, text: await response.text() };
}

/** The main threads that were kept longer than promised since the start, for at most this long at once. */
async function keptTooLong(): Promise<string[]> {
  return Object.entries(await seeTurns(mesh)).flatMap(([name, { cpuMs }]) =>
    cpuMs.max >= freeLoop.maxMs ? [`${name}: ${cpuMs.max} ms`] : [],
  );
}

const repeat = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));
const user = (content: unknown) => [{ role: "user", content }];
const chat = (more: object): string => JSON.stringify({ model, messages: user("Hello"), ...more });
/** Members of an object as text, from a name of each. */
const members = (count: number, toName: (index: number) => string) =>
  repeat(count, (index) => `"${toName(index)}":1`).join(",");
/** A body with members that are no parameters, beside those that it needs. */
const beside = (text: string) =>
  `{"model":"${model}","messages":[{"role":"user","content":"Hello"}],${text}}`;
const png = (bytes: number) =>
  `data:image/png;base64,${Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), Buffer.alloc(bytes)]).toString("base64")}`;
const words = (megabytes: number) => "word ".repeat((megabytes * MB) / 5);
const schema = (properties: number) => ({
  type: "object",
  properties: Object.fromEntries(repeat(properties, (index) => [`property${index}`, { type: "string" }])),
});
const tool = (index: number, properties: number) => ({
  type: "function",
  function: { name: `f${index}`, parameters: schema(properties) },
});

const paths = {
  chat: "/v1/chat/completions",
  responses: "/v1/responses",
  messages: "/v1/messages",
  completions: "/v1/completions",
  embeddings: "/v1/embeddings",
  generate: "/cxmpute.router.v1.RouterService/Generate",
};

interface Bomb {
  readonly name: string;
  readonly path?: string;
  readonly body: () => string;
  /** In the answer; default: that the body holds too much. */
  readonly says?: RegExp;
  readonly status?: number;
}

const tooMuch = /may hold at most|may nest at most/;
const tooLong = /maximum context length|context_length_exceeded|prompt is too long/;

describe("a body that is work for seconds is refused before it is worked on", () => {
  test.each<Bomb>([
    { name: "1.5 million biases", body: () => beside(`"logit_bias":{${members(1.5 * MB, String)}}`) },
    { name: "18 MB of unknown keys", body: () => beside(members(1.4 * MB, (index) => `k${index}`)) },
    { name: "the same key a million times", body: () => beside(members(MB, () => "user")) },
    { name: "8 MB of tools", body: () => chat({ tools: repeat(128, (index) => tool(index, 1600)) }) },
    { name: "300,000 messages", body: () => chat({ messages: repeat(300_000, () => user("a")[0]) }) },
    {
      name: "300,000 parts",
      body: () => chat({ messages: user(repeat(300_000, () => ({ type: "text", text: "a" }))) }),
    },
    { name: "a million empty objects", body: () => chat({ messages: repeat(MB, () => ({})) }) },
    { name: "9 million numbers nobody asked for", body: () => beside(`"x":[${"1,".repeat(9 * MB)}1]`) },
    { name: "10 MB of brackets", body: () => beside(`"x":${"[".repeat(10 * MB)}`) },
    { name: "a million escaped quotes between names", body: () => beside(members(MB, () => '\\"')) },
    { name: "a million stop sequences", body: () => chat({ stop: repeat(MB, () => "a") }) },
    {
      name: "a schema of a million words",
      body: () =>
        chat({
          response_format: {
            type: "json_schema",
            json_schema: { name: "s", schema: { enum: repeat(MB, (index) => `w${index}`) } },
          },
        }),
    },
    {
      name: "a million images",
      body: () =>
        chat({ messages: user(repeat(300_000, () => ({ type: "image_url", image_url: "data:," }))) }),
    },
    {
      name: "300,000 items",
      path: paths.responses,
      body: () => JSON.stringify({ model, input: repeat(300_000, () => user("a")[0]) }),
    },
    {
      name: "a million item references",
      path: paths.responses,
      body: () => JSON.stringify({ model, input: repeat(MB, () => ({ id: "msg_1" })) }),
    },
    {
      name: "300,000 blocks",
      path: paths.messages,
      body: () =>
        JSON.stringify({
          model,
          max_tokens: 5,
          messages: user(repeat(300_000, () => ({ type: "text", text: "a" }))),
        }),
    },
    {
      name: "a million pairs of metadata",
      path: paths.messages,
      body: () =>
        JSON.stringify({
          model,
          max_tokens: 5,
          messages: user("a"),
          metadata: Object.fromEntries(repeat(MB, (index) => [`k${index}`, ""])),
        }),
    },
    {
      name: "a million prompts",
      path: paths.completions,
      body: () => JSON.stringify({ model, prompt: repeat(MB, () => "a") }),
    },
    {
      name: "6 million tokens",
      path: paths.completions,
      body: () => `{"model":"${model}","prompt":[${"7,".repeat(6 * MB)}7]}`,
    },
    {
      name: "a million texts to embed",
      path: paths.embeddings,
      body: () => JSON.stringify({ model, input: repeat(MB, () => "a") }),
    },
    {
      name: "a million arrays of tokens to embed",
      path: paths.embeddings,
      body: () => JSON.stringify({ model, input: repeat(MB, () => [1]) }),
    },
    {
      name: "a million messages to Connect",
      path: paths.generate,
      body: () => JSON.stringify({ generation: { model, messages: repeat(MB, () => ({})) } }),
    },
    {
      name: "17 MB to an address that is not there",
      path: "/v2/nowhere",
      status: 404,
      says: /Invalid URL/,
      body: () => `{${members(1.4 * MB, (index) => `k${index}`)}}`,
    },
  ])("$name", async ({ path = paths.chat, body, says = tooMuch, status = 400 }) => {
    const text = body();
    const type = path === paths.generate ? "application/connect+json" : undefined;
    const payload = path === paths.generate ? envelope(Buffer.from(text)) : text;
    const answers = await Promise.all(repeat(4, () => post(path, payload, type)));
    for (const answer of answers) {
      expect(answer.text).toMatch(says);
      expect(answer.text.length).toBeLessThan(1000);
      if (path !== paths.generate) expect(answer.status).toBe(status);
    }
    expect(await keptTooLong()).toEqual([]);
  });

  test("five million empty messages in protobuf to Connect", async () => {
    const head = toBinary(GenerateRequestSchema, { $typeName: "cxmpute.router.v1.GenerateRequest" });
    const size = 10 * MB;
    const message = Buffer.concat([
      head,
      Buffer.from([0x0a, ...varint(size)]),
      Buffer.alloc(size, Buffer.from([0x1a, 0])),
    ]);
    const answers = await Promise.all(
      repeat(4, () => post(paths.generate, envelope(message), "application/connect+proto")),
    );
    for (const { text } of answers) expect(text).toMatch(tooMuch);
    expect(await keptTooLong()).toEqual([]);
  });
});

/** A message of a stream of Connect. */
function envelope(message: Uint8Array): Buffer<ArrayBuffer> {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

describe("just below the limits, every process goes on", () => {
  test.each<Bomb>([
    {
      name: "99,000 unknown keys",
      status: 200,
      says: /"choices"/,
      body: () => beside(members(99_000, (index) => `k${index}`)),
    },
    {
      name: "99,000 biases",
      says: /'logit_bias'.*maximum|at most 10000/,
      body: () => beside(`"logit_bias":{${members(99_000, String)}}`),
    },
    {
      name: "10,000 biases, for a model that takes none",
      says: /not supported/,
      body: () => beside(`"logit_bias":{${members(10_000, String)}}`),
    },
    {
      name: "48,000 pairs of metadata",
      says: /too many properties/,
      body: () => chat({ metadata: Object.fromEntries(repeat(48_000, (index) => [`k${index}`, "v"])) }),
    },
    {
      name: "10,000 messages, none of them right",
      says: /messages\[0\]\.role/,
      body: () => chat({ messages: repeat(10_000, () => ({})) }),
    },
    {
      name: "16,000 parts, the last one wrong",
      says: /content\[3999\]/,
      body: () =>
        chat({
          messages: [
            ...repeat(3, () => user(repeat(3999, () => ({ type: "text", text: "a" })))[0]),
            user([...repeat(3999, () => ({ type: "text", text: "a" })), {}])[0],
          ],
        }),
    },
    {
      name: "490,000 tokens, the last one wrong",
      path: paths.completions,
      says: /prompt\[490000\]/,
      body: () => JSON.stringify({ model, prompt: [...repeat(490_000, (index) => index), "a"] }),
    },
    {
      name: "490,000 tokens",
      path: paths.completions,
      says: tooLong,
      body: () => JSON.stringify({ model, prompt: repeat(490_000, (index) => index) }),
    },
    {
      name: "19 MB of digits",
      says: /Missing required parameter/,
      body: () => `{"model":"${model}","seed":${"1".repeat(19 * MB)}}`,
    },
    { name: "20 MB of spaces", status: 200, says: /"choices"/, body: () => " ".repeat(20 * MB) + chat({}) },
    { name: "a message of 19 MB", says: tooLong, body: () => chat({ messages: user(words(19)) }) },
    {
      name: "a message of 19 MB in Chinese",
      says: tooLong,
      body: () => chat({ messages: user("語".repeat(6.3 * MB)) }),
    },
    {
      name: "19 MB of escapes",
      says: tooLong,
      body: () => beside(`"x":1`).replace("Hello", "\\u00e9 ".repeat(2.7 * MB)),
    },
    {
      name: "9,000 messages, 14 MB together",
      says: tooLong,
      body: () => chat({ messages: repeat(9000, () => user("word ".repeat(310))[0]) }),
    },
    {
      name: "an image of 14 MB",
      says: /messages/,
      body: () => chat({ messages: user([{ type: "image_url", image_url: { url: png(14 * MB) } }]) }),
    },
    {
      name: "a model named by 19 MB",
      says: /'model': string too long/,
      body: () => JSON.stringify({ model: "m".repeat(19 * MB), messages: user("a") }),
    },
    {
      name: "four stop sequences of 4 MB for eight choices",
      says: /'stop\[0\]': string too long/,
      body: () => chat({ n: 8, stop: repeat(4, () => "a".repeat(4 * MB)) }),
    },
    {
      name: "19 MB for the chat template, eight times",
      says: /'chat_template_kwargs'/,
      body: () => chat({ n: 8, chat_template_kwargs: { a: words(19) } }),
    },
    {
      name: "an answer of 19 MB to continue, eight times",
      says: /'messages': string too long/,
      body: () =>
        chat({
          n: 8,
          continue_final_message: true,
          messages: [...user("a"), { role: "assistant", content: words(19) }],
        }),
    },
    {
      name: "a description of 19 MB for a tool, eight times",
      says: /choices|maximum context/,
      status: 200,
      body: () =>
        chat({
          n: 8,
          max_tokens: 1,
          tool_choice: "none",
          tools: [{ type: "function", function: { name: "f", description: words(19) } }],
        }),
    },
    {
      name: "8,000 tool calls",
      says: /"choices"/,
      status: 200,
      body: () =>
        chat({
          messages: [
            {
              role: "assistant",
              tool_calls: repeat(8000, (index) => ({
                id: `call${index}`,
                function: { name: "f", arguments: "{}" },
              })),
            },
            ...user("a"),
          ],
        }),
    },
    {
      name: "instructions of 19 MB",
      path: paths.responses,
      says: tooLong,
      body: () => JSON.stringify({ model, input: "a", instructions: words(19) }),
    },
    {
      name: "a system prompt of 19 MB",
      path: paths.messages,
      says: tooLong,
      body: () => JSON.stringify({ model, max_tokens: 5, system: words(19), messages: user("a") }),
    },
    {
      name: "16 prompts of a megabyte",
      path: paths.completions,
      says: tooLong,
      body: () => JSON.stringify({ model, prompt: repeat(16, () => words(1)) }),
    },
    {
      name: "19 MB to embed",
      path: paths.embeddings,
      says: /not supported/,
      body: () => JSON.stringify({ model, input: words(19) }),
    },
  ])("$name", async ({ path = paths.chat, body, says, status = 400 }) => {
    const text = body();
    const answers = await Promise.all(repeat(2, () => post(path, text)));
    for (const answer of answers) {
      // On a machine with many times its load, a node may be late enough to be given up; its event loop is what counts.
      if (answer.status === 502) continue;
      expect(answer.text).toMatch(says!);
      expect(answer.status).toBe(status);
      if (status !== 200) expect(answer.text.length).toBeLessThan(1000);
    }
    expect(await keptTooLong()).toEqual([]);
  });
});

describe("what is large and right is answered", () => {
  test.each<{ name: string; path?: string; body: object }>([
    { name: "a prompt of 300 kB", body: { messages: user(words(0.3)) } },
    { name: "a prompt of 10 MB", body: { messages: user(words(10)) } },
    {
      name: "three images of 4 MB",
      body: { messages: user(repeat(3, () => ({ type: "image_url", image_url: { url: png(4 * MB) } }))) },
    },
    {
      name: "3,000 messages with calls",
      body: {
        messages: [
          ...repeat(1500, (index) => [
            {
              role: "assistant",
              content: null,
              tool_calls: [
                {
                  id: `c${index}`,
                  type: "function",
                  function: { name: "f0", arguments: '{"property0":"a"}' },
                },
              ],
            },
            { role: "tool", tool_call_id: `c${index}`, content: [{ type: "text", text: words(0.001) }] },
          ]).flat(),
          user("a")[0],
        ],
        tools: [tool(0, 1)],
        tool_choice: "none",
      },
    },
    {
      name: "128 tools",
      body: { messages: user("a"), tools: repeat(128, (index) => tool(index, 100)), tool_choice: "none" },
    },
    { name: "200,000 tokens", path: paths.completions, body: { prompt: repeat(200_000, (index) => index) } },
  ])("$name", async ({ path = paths.chat, body }) => {
    const { status, text } = await post(path, JSON.stringify({ model: "roomy", max_tokens: 3, ...body }));
    expect(`${status} ${text.slice(0, 300)}`).toMatch(/^200 /);
    expect(await keptTooLong()).toEqual([]);
  });
});

test.skipIf(process.platform !== "linux")(
  "eight choices of a prompt of 19 MB take its size in the router, not eight times",
  async () => {
    const { pid } = mesh.programs.get("router-1")!.child;
    const residentBytes = () => Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4096;
    const before = residentBytes();
    let peak = before;
    const watch = setInterval(() => {
      peak = Math.max(peak, residentBytes());
    }, 10);
    const { status, text } = await post(paths.chat, chat({ messages: user(words(19)), n: 8 }));
    clearInterval(watch);
    expect(`${status} ${text}`).toMatch(tooLong);
    expect((peak - before) / MB).toBeLessThan(150);
  },
);

test("a stored response of megabytes is read once, however many references name its items", async () => {
  const input = [
    { id: "msg_big", role: "user", content: words(8) },
    ...repeat(500, (index) => ({ id: `msg_${index}`, role: "user", content: "a" })),
  ];
  const stored = await post(paths.responses, JSON.stringify({ model: "roomy", input, max_output_tokens: 3 }));
  expect(stored.status).toBe(200);
  const references = repeat(500, (index) => ({ type: "item_reference", id: `msg_${index}` }));
  const ask = (more: object[]) =>
    post(
      paths.responses,
      JSON.stringify({ model: "roomy", input: [...references, ...more], max_output_tokens: 3, store: false }),
    );
  const answers = await Promise.all(repeat(4, () => ask([])));
  for (const { status, text } of answers) expect(`${status} ${text.slice(0, 300)}`).toMatch(/^200 /);
  // Else a few kilobytes would become gigabytes.
  const doubled = await ask(repeat(5000, () => ({ type: "item_reference", id: "msg_big" })));
  expect(`${doubled.status} ${doubled.text}`).toMatch(/^400 .*Duplicate item/);
  expect(await keptTooLong()).toEqual([]);
});

test("streams of other callers go on under all of these at once", async () => {
  const bodies = [
    beside(`"logit_bias":{${members(MB, String)}}`),
    beside(members(99_000, (index) => `k${index}`)),
    chat({ messages: user(words(19)), n: 8 }),
    chat({ messages: repeat(9000, () => user("word ".repeat(310))[0]) }),
  ];
  const streams = repeat(4, () =>
    openStream(mesh, { model: "steady", messages: user("Hello"), max_tokens: 150 }),
  );
  await Promise.all(streams.map(({ shown }) => shown));
  await Promise.all(bodies.map((body) => post(paths.chat, body)));
  for (const { whole } of streams) expect(await whole).toMatchObject({ finishReason: "length" });
});

test("99 of 100 events waited less than 50 ms for the processor in every process", async () => {
  const late = Object.entries(await seeTurns(mesh)).filter(([, { cpuMs }]) => cpuMs.p99 >= freeLoop.p99Ms);
  expect(Object.fromEntries(late)).toEqual({});
});
