import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { MeshError } from "../../core/errors/mesh-error.ts";
import { createLog } from "../../core/telemetry/log.ts";
import {
  FinishReason,
  type Generation,
  type GenerationEvent,
  GenerationEventSchema,
  type GenerationSchema,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Capabilities_Resume } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { FakeClock } from "../../test/support/core/fake-clock.ts";
import {
  type Asked,
  type FakeRelay,
  fakeRelay,
  generationOf,
  nodeOf,
  settled,
  textOf,
} from "../../test/support/router/router.ts";
import { Fleet } from "./fleet/fleet.ts";
import { createPipeline, type Pipeline } from "./pipeline.ts";
import { defaultQueueLimits } from "./queue-limits.ts";
import { profiles } from "./routing/profile.ts";

/** What the model says, whoever computes it: `word 0 word 1 …`, one token each. */
const wholeTokens = 12;
const wordAt = (index: number) => `word ${index} `;
const wordsUpTo = (count: number) => Array.from({ length: count }, (_, index) => wordAt(index)).join("");

const attemptLimit = 4;

/** How a node computes it. */
interface Kind {
  /** Token ids and fingerprint, or neither. */
  readonly fingerprint: string;
  readonly resume: Capabilities_Resume;
}
const equal: Kind = { fingerprint: "f", resume: Capabilities_Resume.TOKENS };
const other: Kind = { fingerprint: "g", resume: Capabilities_Resume.TOKENS };
const textOnly: Kind = { fingerprint: "", resume: Capabilities_Resume.TEXT };
const unable: Kind = { fingerprint: "", resume: Capabilities_Resume.NONE };

let clock: FakeClock;
let fleet: Fleet;
let pipeline: Pipeline;
let lines: Record<string, unknown>[];
let nodes: Record<string, TestNode>;

/** A node whose tokens come when the test says so. */
class TestNode {
  readonly relay: FakeRelay = fakeRelay();
  readonly kind: Kind;

  constructor(kind: Kind) {
    this.kind = kind;
  }

  get asked(): Asked[] {
    return this.relay.asked;
  }

  /** The latest generation goes on by so many tokens; its first word is its beginning. */
  give(tokens: number, asked = this.asked.at(-1)!): void {
    const { fingerprint } = this.kind;
    if (!positions.has(asked)) {
      positions.set(asked, beginningOf(asked.generation));
      send(asked, { case: "started", value: { nodeId: "liar", fingerprint } });
    }
    for (let left = tokens; left > 0; left--) {
      const index = positions.get(asked)!;
      positions.set(asked, index + 1);
      const tokenIds = fingerprint === "" ? [] : [100 + index];
      send(asked, { case: "delta", value: { text: wordAt(index), tokenIds } });
    }
  }

  /** Gives the rest, and tells its usage as the contract of engines has it. */
  finish(asked = this.asked.at(-1)!): void {
    this.give(0, asked);
    this.give(wholeTokens - positions.get(asked)!, asked);
    const { resume } = asked.generation;
    const fromText = resume === undefined || resume.tokenIds.length > 0 ? 0 : beginningOf(asked.generation);
    const usage = { promptTokens: 5 + fromText, completionTokens: wholeTokens - fromText };
    send(asked, { case: "finished", value: { reason: FinishReason.STOP, usage } });
    asked.events.close();
  }
}

const positions = new WeakMap<Asked, number>();

function beginningOf({ resume }: Generation): number {
  if (resume === undefined) return 0;
  return resume.tokenIds.length > 0 ? resume.tokenIds.length : resume.text.split("word").length - 1;
}

function send(
  { events }: Asked,
  event: NonNullable<MessageInitShape<typeof GenerationEventSchema>["event"]>,
): void {
  events.push(create(GenerationEventSchema, { event } as MessageInitShape<typeof GenerationEventSchema>));
}

beforeEach(() => {
  clock = new FakeClock();
  lines = [];
  nodes = {};
  const log = createLog({ service: "router", write: (line) => lines.push(JSON.parse(line)), pretty: false });
  fleet = new Fleet({ clock, log: log.child({}, { level: "fatal" }) });
  pipeline = createPipeline({
    ...defaultQueueLimits,
    fleet,
    clock,
    log,
    profile: profiles.interactive,
    attemptLimit,
  });
});

function join(kinds: Record<string, Kind>): void {
  for (const [id, kind] of Object.entries(kinds)) nodes[id] = new TestNode(kind);
  const listed = Object.entries(nodes).map(([id, { kind }]) => {
    const { capabilities } = nodeOf(id).models[0]!;
    const { fingerprint, resume } = kind;
    return [
      id,
      nodeOf(id, {}, { fingerprint, capabilities: { ...capabilities!, embeddings: true, resume } }),
    ] as const;
  });
  fleet.list(new Map(listed));
  for (const id of Object.keys(kinds)) fleet.connect(id, nodes[id]!.relay);
}

interface Reader {
  readonly events: GenerationEvent[];
  readonly leave: AbortController;
  outcome: "finished" | MeshError | undefined;
}

/** Asks the one node that is there, before others join, and has it give three tokens. */
async function begin(
  first: Kind,
  fields: MessageInitShape<typeof GenerationSchema> = {},
  tokens = 3,
): Promise<Reader> {
  join({ a: first });
  const leave = new AbortController();
  const reader: Reader = { events: [], leave, outcome: undefined };
  void (async () => {
    for await (const event of pipeline.generate(generationOf(fields), leave.signal))
      reader.events.push(event);
  })().then(
    () => (reader.outcome = "finished"),
    (error) => (reader.outcome = error),
  );
  await settled();
  nodes.a!.give(tokens);
  await settled();
  return reader;
}

const lost = () => new MeshError("node_lost", "The node went away.");
/** Ends a node for good. */
async function kill(id: string): Promise<void> {
  nodes[id]!.relay.close(lost());
  await settled();
}
/** Ends what a node has in hand; the node lives. */
async function fail(id: string, error: MeshError): Promise<void> {
  nodes[id]!.asked.at(-1)!.events.fail(error);
  await settled();
}
/** Fails every attempt on the other nodes, or refuses it on those that are full, for as long as an answer may wait. */
async function failAll(full: readonly string[]): Promise<{ failed: number; refused: number }> {
  const counts = { failed: 0, refused: 0 };
  for (let waitedMs = 0; waitedMs <= defaultQueueLimits.queueTimeoutMs; waitedMs += 100) {
    for (let open = openAttempts(); open.length > 0; open = openAttempts()) {
      for (const [id, { events }] of open) {
        const refuses = full.includes(id);
        counts[refuses ? "refused" : "failed"]++;
        events.fail(
          refuses ? new MeshError("saturated", "Full.") : new MeshError("engine_failed", "It failed."),
        );
      }
      await settled();
    }
    await clock.advance(100);
  }
  return counts;
}
const openAttempts = () =>
  Object.entries(nodes).flatMap(([id, { asked }]) => asked.filter(isOpen).map((one) => [id, one] as const));
const finishedOf = ({ events }: Reader) => {
  const last = events.at(-1)?.event;
  return last?.case === "finished" ? last.value : undefined;
};
const idsOf = ({ events }: Reader) =>
  events.flatMap(({ event }) => (event.case === "delta" ? event.value.tokenIds : []));
const allIds = Array.from({ length: wholeTokens }, (_, index) => 100 + index);

describe("an answer whose node is lost", () => {
  test("goes on from its tokens on an equal engine, and its reader sees one answer", async () => {
    const reader = await begin(equal);
    join({ b: equal, c: other, d: textOnly });
    await kill("a");
    expect(nodes.b!.asked.at(-1)?.generation.resume).toMatchObject({
      tokenIds: [100, 101, 102],
      text: wordsUpTo(3),
      fingerprint: "f",
    });
    nodes.b!.finish();
    await settled();
    expect(reader.outcome).toBe("finished");
    expect(textOf(reader.events)).toBe(wordsUpTo(wholeTokens));
    expect(idsOf(reader)).toEqual(allIds);
    expect(reader.events.filter(({ event }) => event.case === "started")).toHaveLength(1);
    expect(finishedOf(reader)).toMatchObject({
      usage: { promptTokens: 5, completionTokens: wholeTokens },
      continuations: [{ nodeId: "b", afterTokens: 3, exact: true }],
    });
    expect([nodes.c!.asked, nodes.d!.asked]).toEqual([[], []]);
  });

  test.each([
    ["that counts tokens otherwise", other],
    ["that knows only text", textOnly],
  ])("goes on from its text on an engine %s, and the usage is that of the whole", async (_, kind) => {
    const reader = await begin(equal, { limits: { maxTokens: 50 } });
    join({ b: kind });
    await kill("a");
    const { resume, limits } = nodes.b!.asked[0]!.generation;
    expect(resume).toMatchObject({ tokenIds: [], text: wordsUpTo(3), fingerprint: "" });
    expect(limits?.maxTokens).toBe(47);
    nodes.b!.finish();
    await settled();
    expect(textOf(reader.events)).toBe(wordsUpTo(wholeTokens));
    expect(finishedOf(reader)).toMatchObject({
      usage: { promptTokens: 5, completionTokens: wholeTokens },
      continuations: [{ nodeId: "b", afterTokens: 3, exact: false }],
    });
  });

  test("goes on from its text when the engine tells no ids", async () => {
    const reader = await begin(textOnly);
    join({ b: equal });
    await kill("a");
    expect(nodes.b!.asked[0]?.generation.resume).toMatchObject({ tokenIds: [], text: wordsUpTo(3) });
    nodes.b!.finish();
    await settled();
    expect(textOf(reader.events)).toBe(wordsUpTo(wholeTokens));
    expect(finishedOf(reader)?.usage?.completionTokens).toBe(wholeTokens);
  });

  test.each([
    { what: "the first deltas of the next node show nothing", given: 0 },
    { what: "the next node shows more", given: 2 },
  ])("that had all its tokens gets only its end: $what", async ({ given }) => {
    const reader = await begin(textOnly, { limits: { maxTokens: 3 } });
    join({ b: textOnly });
    await kill("a");
    expect(nodes.b!.asked[0]?.generation.limits?.maxTokens).toBe(1);
    nodes.b!.give(given);
    nodes.b!.finish();
    await settled();
    expect(textOf(reader.events)).toBe(wordsUpTo(3));
    expect(finishedOf(reader)).toMatchObject({
      reason: FinishReason.LENGTH,
      usage: { promptTokens: 5, completionTokens: 3 },
      continuations: [{ nodeId: "b", afterTokens: 3 }],
    });
  });

  test("outlives a second node: from tokens again, and only from text once it went on from text", async () => {
    const reader = await begin(equal);
    join({ b: equal });
    await kill("a");
    nodes.b!.give(2);
    await settled();
    join({ c: other });
    await kill("b");
    expect(nodes.c!.asked[0]?.generation.resume).toMatchObject({ tokenIds: [], text: wordsUpTo(5) });
    nodes.c!.give(2);
    await settled();
    join({ d: equal, e: other });
    await kill("c");
    const last = [nodes.d!, nodes.e!].find(({ asked }) => asked.length > 0)!;
    expect(last.asked[0]?.generation.resume).toMatchObject({ tokenIds: [], text: wordsUpTo(7) });
    last.finish();
    await settled();
    expect(textOf(reader.events)).toBe(wordsUpTo(wholeTokens));
    expect(finishedOf(reader)).toMatchObject({
      usage: { promptTokens: 5, completionTokens: wholeTokens },
      continuations: [
        { nodeId: "b", afterTokens: 3, exact: true },
        { nodeId: "c", afterTokens: 5, exact: false },
        { afterTokens: 7, exact: false },
      ],
    });
  });

  test("moves on at once from a second node that fails before it says anything", async () => {
    const reader = await begin(equal);
    join({ b: equal, c: equal });
    await kill("a");
    const [second, third] = nodes.b!.asked.length > 0 ? (["b", "c"] as const) : (["c", "b"] as const);
    await fail(second, new MeshError("engine_failed", "It failed."));
    nodes[third]!.finish();
    await settled();
    expect(textOf(reader.events)).toBe(wordsUpTo(wholeTokens));
    expect(finishedOf(reader)?.continuations).toHaveLength(1);
  });

  test("frees the lost node at once, and puts the failure down to it", async () => {
    await begin(equal);
    join({ b: equal });
    await fail("a", new MeshError("engine_failed", "It failed."));
    const occupied = fleet.candidates("m").map((candidate) => [candidate.node.id, candidate.occupied]);
    expect(occupied).toEqual([
      ["a", 0],
      ["b", 1],
    ]);
  });

  test("says so in one line of the log, and in the one of its end", async () => {
    await begin(equal);
    await clock.advance(50);
    join({ b: equal });
    await kill("a");
    await clock.advance(70);
    nodes.b!.finish();
    await settled();
    expect(lines).toMatchObject([
      {
        msg: "answer continued on another node",
        from: "a",
        to: "b",
        after_tokens: 3,
        exact: true,
        stall_ms: 70,
      },
      { msg: "generation finished", node_id: "b", attempts: ["a", "b"], completion_tokens: wholeTokens },
    ]);
    expect(JSON.stringify(lines)).not.toContain("word");
  });
});

describe("while no node can go on", () => {
  test("the reader waits for one, and the lost node itself may come back", async () => {
    const reader = await begin(equal);
    await kill("a");
    await clock.advance(5000);
    expect(reader.outcome).toBeUndefined();
    join({ a: equal });
    await clock.advance(200);
    nodes.a!.finish();
    await settled();
    expect(textOf(reader.events)).toBe(wordsUpTo(wholeTokens));
  });

  test("it waits no longer than a generation may wait for a slot, and tells the failure", async () => {
    const reader = await begin(equal);
    await kill("a");
    await clock.advance(defaultQueueLimits.queueTimeoutMs - 200);
    expect(reader.outcome).toBeUndefined();
    await clock.advance(400);
    expect(reader.outcome).toMatchObject({ kind: "node_lost", message: "The node went away." });
    expect(textOf(reader.events)).toBe(wordsUpTo(3));
    expect([clock.pending, pipeline.open.size]).toEqual([0, 0]);
  });

  test("a deadline ends the wait", async () => {
    const reader = await begin(equal, { limits: { timeoutMs: 1000 } });
    await kill("a");
    await clock.advance(1100);
    expect(reader.outcome).toMatchObject({ kind: "deadline" });
    expect(clock.pending).toBe(0);
  });

  test("the reader may leave", async () => {
    const reader = await begin(equal);
    await kill("a");
    reader.leave.abort();
    await settled();
    expect(reader.outcome).toMatchObject({ kind: "cancelled" });
    expect([clock.pending, pipeline.open.size]).toEqual([0, 0]);
  });

  test("a node whose engine fails again and again is not asked for ever", async () => {
    const reader = await begin(equal);
    await fail("a", new MeshError("engine_failed", "It failed."));
    for (let round = 0; round < 10; round++) {
      await clock.advance(200);
      await fail("a", new MeshError("engine_failed", "It failed again."));
    }
    expect(reader.outcome).toMatchObject({ kind: "engine_failed", message: "It failed." });
    expect(nodes.a!.asked).toHaveLength(5);
  });

  test.each([
    { because: "over all nodes of one kind", others: { b: equal, c: equal, d: equal, e: equal, f: equal } },
    { because: "over both strategies", others: { b: equal, c: equal, d: other, e: other, f: textOnly } },
    { because: "over all rounds", others: { b: equal, c: other, d: textOnly } },
    { because: "with refusals between them", others: { b: equal, c: equal, d: equal }, full: ["c", "d"] },
  ])("its failed attempts are counted $because, up to the limit", async ({ others, full = [] }) => {
    const reader = await begin(equal);
    join(others);
    await kill("a");
    const { failed, refused } = await failAll(full);
    expect(reader.outcome).toMatchObject({ kind: "node_lost", message: "The node went away." });
    expect(failed).toBe(attemptLimit);
    expect(refused > 0).toBe(full.length > 0);
  });

  test("a node that is full fails nothing, so it is asked until it has room", async () => {
    const reader = await begin(equal);
    join({ b: equal });
    await kill("a");
    for (let refusals = 0; refusals < 3 * attemptLimit; refusals++) {
      await fail("b", new MeshError("saturated", "It is full."));
      await clock.advance(100);
    }
    nodes.b!.finish();
    await settled();
    expect(textOf(reader.events)).toBe(wordsUpTo(wholeTokens));
  });

  test("a prompt that breaks each node after a few tokens does not break them all", async () => {
    const reader = await begin(equal, {}, 1);
    join(Object.fromEntries(Array.from({ length: 11 }, (_, index) => [`n${index}`, equal])));
    let broken = "a";
    for (let round = 0; round < 12 && reader.outcome === undefined; round++) {
      await kill(broken);
      const next = Object.entries(nodes).find(([id, { asked }]) => id !== broken && asked.some(isOpen));
      if (next === undefined) break;
      broken = next[0];
      next[1].give(1);
      await settled();
    }
    expect(reader.outcome).toMatchObject({ kind: "node_lost" });
    expect(Object.values(nodes).filter(({ asked }) => asked.length > 0)).toHaveLength(9);
  });
});

const isOpen = ({ events }: Asked) => !events.ended;

describe("what cannot go on ends with the failure of its node", () => {
  test.each(["invalid_request", "internal", "deadline"] as const)("%s", async (kind) => {
    const reader = await begin(equal);
    join({ b: equal });
    await fail("a", new MeshError(kind, "No."));
    expect(reader.outcome).toMatchObject({ kind });
    expect(nodes.b!.asked).toEqual([]);
  });

  test("an answer that no engine can continue; at once, for whom should it wait", async () => {
    const reader = await begin(unable);
    join({ b: unable });
    await kill("a");
    expect(reader.outcome).toMatchObject({ kind: "node_lost" });
    expect(nodes.b!.asked).toEqual([]);
  });

  test("a tool call that has begun, without the ids of its tokens", async () => {
    const reader = await begin(textOnly, { tools: [{ name: "f" }] }, 0);
    const call = { index: 0, id: "call_1", name: "f", argumentsJson: '{"a' };
    send(nodes.a!.asked[0]!, { case: "delta", value: { toolCalls: [call] } });
    await settled();
    join({ b: equal });
    await kill("a");
    expect(reader.outcome).toMatchObject({ kind: "node_lost" });
    expect(nodes.b!.asked).toEqual([]);
  });
});

test("thoughts that were shown are thought anew elsewhere, and counted", async () => {
  const reader = await begin(textOnly, { limits: { maxTokens: 20 } }, 0);
  for (const reasoning of ["I think", " that"])
    send(nodes.a!.asked[0]!, { case: "delta", value: { reasoning } });
  await settled();
  join({ b: unable });
  await kill("a");
  expect(nodes.b!.asked[0]?.generation).toMatchObject({ limits: { maxTokens: 18 } });
  expect(nodes.b!.asked[0]?.generation.resume).toBeUndefined();
  nodes.b!.finish();
  await settled();
  expect(textOf(reader.events)).toBe(wordsUpTo(wholeTokens));
  expect(finishedOf(reader)?.usage).toMatchObject({
    promptTokens: 5,
    completionTokens: wholeTokens + 2,
    reasoningTokens: 2,
  });
});

test("embeddings are made anew, and those that were delivered are left out", async () => {
  const inputs = ["one", "two", "three"].map((value) => ({ prompt: { case: "text" as const, value } }));
  const reader = await begin(equal, { messages: [], embedding: { inputs } }, 0);
  const vector = (asked: Asked, index: number) =>
    send(asked, { case: "embedded", value: { index, values: [index, 1] } });
  vector(nodes.a!.asked[0]!, 0);
  vector(nodes.a!.asked[0]!, 1);
  await settled();
  join({ b: equal });
  await kill("a");
  const again = nodes.b!.asked[0]!;
  nodes.b!.give(0, again);
  for (const index of [0, 1, 2]) vector(again, index);
  send(again, { case: "finished", value: { reason: FinishReason.STOP, usage: { promptTokens: 3 } } });
  again.events.close();
  await settled();
  const told = reader.events.flatMap(({ event }) => (event.case === "embedded" ? [event.value.index] : []));
  expect([reader.outcome, told]).toEqual(["finished", [0, 1, 2]]);
});

test("an answer that was itself begun elsewhere goes on from both parts", async () => {
  const resume = { tokenIds: [100, 101], text: wordsUpTo(2), fingerprint: "f" };
  const reader = await begin(equal, { resume });
  join({ b: equal });
  await kill("a");
  expect(nodes.b!.asked[0]?.generation.resume).toMatchObject({
    tokenIds: [100, 101, 102, 103, 104],
    text: wordsUpTo(5),
  });
  nodes.b!.finish();
  await settled();
  expect(wordsUpTo(2) + textOf(reader.events)).toBe(wordsUpTo(wholeTokens));
});

test("an answer that its caller had begun goes on from the whole text, for ids alone would say too little", async () => {
  const reader = await begin(equal, { resume: { text: wordsUpTo(2) } });
  join({ b: equal });
  await kill("a");
  expect(nodes.b!.asked[0]?.generation.resume).toMatchObject({
    tokenIds: [],
    text: wordsUpTo(5),
    fingerprint: "",
  });
  nodes.b!.finish();
  await settled();
  expect(wordsUpTo(2) + textOf(reader.events)).toBe(wordsUpTo(wholeTokens));
});

test("a relay pushes a continued answer to its reader as one", async () => {
  join({ a: equal });
  const answer = pipeline.generate(generationOf(), new AbortController().signal)[Symbol.asyncIterator]();
  const events: GenerationEvent[] = [];
  if (!("pushTo" in answer)) throw new Error("An answer can be pushed.");
  const pushed = (answer as Required<{ pushTo: (sink: object) => Promise<string> }>).pushTo({
    take: (event: GenerationEvent) => events.push(event) > 0,
  });
  await settled();
  nodes.a!.give(3);
  await settled();
  join({ b: equal });
  await kill("a");
  nodes.b!.finish();
  expect(await pushed).toBe("ended");
  expect(textOf(events)).toBe(wordsUpTo(wholeTokens));
});
