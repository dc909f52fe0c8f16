import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Mesh, realEngine, startMesh } from "../support/mesh.ts";
import type { LogLine } from "../support/program.ts";

/** One answer as a client sees it. */
interface Answer {
  readonly status: number;
  readonly text: string;
  readonly reasoning: string;
  readonly toolCalls: string;
  readonly finishReason: string | undefined;
  readonly completionTokens: number | undefined;
  readonly error: unknown;
}

interface Chunk {
  readonly error?: unknown;
  readonly usage?: { readonly completion_tokens: number } | null;
  readonly choices?: readonly {
    readonly finish_reason: string | null;
    readonly delta?: Message;
    readonly message?: Message;
  }[];
}

interface Message {
  readonly content?: string | null;
  readonly reasoning_content?: string | null;
  readonly tool_calls?: readonly {
    readonly id?: string;
    readonly function: { readonly name?: string; readonly arguments: string };
  }[];
}

let mesh: Mesh;

/** Asks and reads to the end; `onText` is told each time that more of a stream has come. */
async function ask(body: object, onText: () => void = () => {}): Promise<Answer> {
  const response = await fetch(`${mesh.url}/v1/chat/completions`, {
    method: "POST",
    headers: mesh.headers,
    body: JSON.stringify(body),
  });
  const chunks: Chunk[] = [];
  if (response.headers.get("content-type")?.startsWith("text/event-stream")) {
    let rest = "";
    for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
      const events = (rest + part).split("\n\n");
      rest = events.pop() ?? "";
      for (const event of events)
        if (event.startsWith("data: {")) chunks.push(JSON.parse(event.slice("data: ".length)) as Chunk);
      if (chunks.some(({ choices }) => shows(choices?.[0]?.delta))) onText();
    }
  } else chunks.push((await response.json()) as Chunk);
  const choices = chunks.flatMap(({ choices: some }) => some ?? []);
  const parts = choices.map(({ delta, message }) => delta ?? message ?? {});
  return {
    status: response.status,
    text: parts.map(({ content }) => content ?? "").join(""),
    reasoning: parts.map(({ reasoning_content: thought }) => thought ?? "").join(""),
    toolCalls: parts
      .flatMap(({ tool_calls: calls }) => calls ?? [])
      .map(({ id = "", function: { name = "", arguments: args } }) => id + name + args)
      .join(""),
    finishReason: choices.findLast(({ finish_reason: reason }) => reason)?.finish_reason ?? undefined,
    completionTokens: chunks.findLast(({ usage }) => usage)?.usage?.completion_tokens,
    error: chunks.find(({ error }) => error !== undefined)?.error,
  };
}

const streamed = { stream: true, stream_options: { include_usage: true } };

/** What the same questions are answered with when nothing happens, without the parts that may differ. */
const undisturbed = (bodies: readonly object[]) => Promise.all(bodies.map((body) => ask(body)));

const shows = (delta: Message | undefined): boolean =>
  Boolean(delta?.content) || delta?.tool_calls !== undefined;

/** Asks all; once all streams show something, and so many more parts of it, makes the trouble; reads all to their end. */
async function askThrough(
  bodies: readonly object[],
  trouble: () => Promise<unknown>,
  more = 2,
): Promise<Answer[]> {
  const shown = new Map(bodies.map((_, index) => [index, 0]));
  const waiting = new Set(
    bodies.flatMap((body, index) => ((body as { stream?: boolean }).stream === true ? [index] : [])),
  );
  const allShow = Promise.withResolvers<void>();
  const answers = bodies.map((body, index) =>
    ask(body, () => {
      shown.set(index, (shown.get(index) ?? 0) + 1);
      if (shown.get(index) === 1 + more) waiting.delete(index);
      if (waiting.size === 0) allShow.resolve();
    }),
  );
  await Promise.race([allShow.promise, Promise.all(answers)]);
  await trouble();
  return Promise.all(answers);
}

/** What routers log of answers that a node lost and that went on. */
const continuationsFrom = (nodeId: string): LogLine[] =>
  [...mesh.programs.values()]
    .flatMap((program) => program.entries())
    .filter(({ msg, from }) => msg === "answer continued on another node" && from === nodeId);

/** Resolves once some router has had a node take an answer over. */
const takenOverBy = (nodeId: string) =>
  Promise.any(
    [...mesh.programs]
      .filter(([name]) => name.startsWith("router"))
      .map(([, program]) =>
        program.logged(({ msg, to }) => msg === "answer continued on another node" && to === nodeId),
      ),
  );

/** A model at so many words a second, and a second one that has the same answers at once. */
const paced = (model: string, tokensPerSecond = 40) => [
  ...["--engine", "synthetic", "--first-token-ms", "1", "--slots", "64", "--model", model],
  ...["--tokens-per-second", String(tokensPerSecond)],
  ...["--synthetic-models", JSON.stringify({ [`${model}-at-once`]: { tokensPerSecond: 0 } })],
];

const questions = (model: string, count: number, tokens: number) =>
  Array.from({ length: count }, (_, index) => ({
    model,
    messages: [{ role: "user", content: `Question ${index}.` }],
    max_tokens: tokens,
    seed: index,
    ...(index % 4 === 0 ? {} : streamed),
  }));

/** What an engine does that hangs in the middle of an answer and is asked again: its stream goes on, on that very node. */
async function expectHangToBeContinued(nodeId: string, model: string): Promise<void> {
  const body = { ...questions(model, 1, 40)[0]!, ...streamed };
  const expected = await ask(body);
  const faults = [{ kind: "hang", afterTokens: 10 }];
  const hung = await ask({ ...body, chat_template_kwargs: { synthetic: { faults } } });
  expect(hung).toEqual(expected);
  expect(continuationsFrom(nodeId)).toMatchObject([{ after_tokens: 10, exact: true, to: nodeId }]);
}

/** Each test has nodes and a model of its own. */
describe("a mesh in many processes", () => {
  beforeAll(async () => {
    mesh = await startMesh("in many processes", { nodes: [] });
  });
  afterAll(() => mesh?.stop());

  test.each(["SIGKILL", "SIGSTOP"] as const)(
    "%s to a node under forty requests: none fails, and no token is lost, repeated or changed",
    async (signal) => {
      // Another node has usually joined long before the answers end, after ten seconds.
      for (let tries = 0, hits = 0; hits < 30; tries++) {
        expect(tries, "the answers had ended before the node was lost").toBeLessThan(4);
        const model = `under-${signal}-${tries}`;
        const [lost, rescuer] = [`lost-${signal}-${tries}`, `rescuer-${signal}-${tries}`];
        const engine = paced(model, 10);
        const { child } = await mesh.join(lost, engine);
        const bodies = questions(model, 40, 100);
        const expected = await undisturbed(bodies.map((body) => ({ ...body, model: `${model}-at-once` })));
        const answers = await askThrough(bodies, async () => {
          await mesh.join(rescuer, engine, { dialled: true });
          child.kill(signal);
        });
        expect(answers).toEqual(expected);
        expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
        expect(answers.filter(({ completionTokens }) => completionTokens !== 100)).toEqual([]);
        // Each of the thirty streams that were under way continued exactly.
        const continuations = continuationsFrom(lost);
        expect(continuations.filter(({ to, exact }) => to !== rescuer || exact !== true)).toEqual([]);
        hits = continuations.length;
      }
    },
  );

  test("nodes that die one after the other, with nobody left for a while: the readers wait", async () => {
    const model = "one-by-one";
    const bodies = questions(model, 8, 160).map((body) => ({ ...body, ...streamed }));
    let node = await mesh.join("first", paced(model));
    const expected = await undisturbed(bodies);
    const replaceBy = async (next: string) => {
      await node.stop("SIGKILL");
      node = await mesh.join(next, paced(model));
      await takenOverBy(next);
    };
    const answers = await askThrough(bodies, async () => {
      await replaceBy("second");
      await replaceBy("third");
    });
    expect(answers).toEqual(expected);
  });

  test("an engine that hangs: its stream goes on, on that very node if there is no other", async () => {
    await mesh.join("hanging", paced("hanging"), { dialled: true });
    await expectHangToBeContinued("hanging", "hanging");
  });

  describe("the starter model on two nodes, one of which is killed", () => {
    const weather = {
      type: "function",
      function: {
        name: "get_weather",
        parameters: {
          type: "object",
          properties: { city: { type: "string" }, note: { type: "string" } },
          required: ["city", "note"],
        },
      },
    };
    const person = {
      type: "json_schema",
      json_schema: {
        name: "people",
        strict: true,
        schema: {
          type: "object",
          properties: {
            people: { type: "array", minItems: 12, maxItems: 12, items: { enum: ["Ann", "Bob", "Carol"] } },
          },
          required: ["people"],
          additionalProperties: false,
        },
      },
    };
    const story = {
      model: "starter",
      messages: [{ role: "user", content: "Tell me a story." }],
      max_tokens: 400,
    };
    const forms = {
      "greedy text": { ...story, temperature: 0 },
      "text by a seed": { ...story, temperature: 0.8, seed: 7 },
      "text with penalties and a stop": { ...story, frequency_penalty: 0.5, seed: 9, stop: ["the end."] },
      "JSON by a schema": { ...story, response_format: person, seed: 3 },
      "a forced call": { ...story, max_tokens: 100, tools: [weather], tool_choice: "required", seed: 4 },
    };

    test("goes on exactly where the dead one stopped, whatever form the answer has", async () => {
      const engine = [...realEngine, "--slots", "10"];
      const victim = await mesh.join("starter", engine, { dialled: true });
      const bodies = Object.values(forms).flatMap((form) => [
        { ...form, ...streamed },
        { ...form, ...streamed, messages: [{ role: "user", content: "Write a letter." }] },
      ]);
      const expected = await undisturbed(bodies);
      expect(expected.filter(({ error }) => error !== undefined)).toEqual([]);
      // It dies at once, for it is quick; the readers wait until another one has joined.
      const trouble = async () => {
        await victim.stop("SIGKILL");
        await mesh.join("starter-rescuer", engine);
      };
      const answers = await askThrough(bodies, trouble, 0);
      // Tool calls carry ids that come from the request: all else is equal to the last character.
      const withoutIds = ({ toolCalls, ...rest }: Answer) => ({
        ...rest,
        toolCalls: toolCalls.replaceAll(/call_[A-Za-z0-9]{24}/g, "call"),
      });
      expect(answers.map(withoutIds)).toEqual(expected.map(withoutIds));
      const continuations = continuationsFrom("starter");
      expect(continuations.length).toBeGreaterThan(0);
      expect(continuations.every(({ exact }) => exact === true)).toBe(true);
    });
  });
});

test("a mesh in one process, whose engine hangs: its stream goes on, on that very node", async () => {
  mesh = await startMesh("in one process", { engine: paced("hanging"), model: "hanging" });
  try {
    const nodeId = (await mesh.programs.get("up")!.logged(({ msg }) => msg === "node connected")).node_id;
    await expectHangToBeContinued(String(nodeId), "hanging");
  } finally {
    await mesh.stop();
  }
});
