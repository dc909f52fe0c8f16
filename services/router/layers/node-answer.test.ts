import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { type Kind, kinds } from "../../../core/errors/kinds.ts";
import {
  fromErrorDetail,
  MeshError,
  type MeshErrorOptions,
  toErrorDetail,
} from "../../../core/errors/mesh-error.ts";
import { heartbeatEvent } from "../../../core/generation/events.ts";
import { EncodedEvent } from "../../../core/relay/encoded-event.ts";
import { createLog } from "../../../core/telemetry/log.ts";
import {
  FinishReason,
  type Generation,
  type GenerationEvent,
  GenerationEventSchema,
  type GenerationSchema,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import {
  type Asked,
  answering,
  delta,
  fakeRelay,
  generationOf,
  nodeOf,
  settled,
  started,
  textOf,
} from "../../../test/support/router/router.ts";
import { Fleet } from "../fleet/fleet.ts";
import { createPipeline, type Pipeline } from "../pipeline.ts";
import { defaultQueueLimits } from "../queue-limits.ts";
import { profiles } from "../routing/profile.ts";

type Fields = Exclude<MessageInitShape<typeof GenerationSchema>, Generation>;
type Event = NonNullable<MessageInitShape<typeof GenerationEventSchema>["event"]>;

let clock: FakeClock;
let fleet: Fleet;
let pipeline: Pipeline;
let lines: Record<string, unknown>[];

/** A node that lies and, unless it is alone, one that is honest; the first is asked first. */
function join(lie: (asked: Asked) => void, { alone = false } = {}) {
  const write = (line: string) => void lines.push(JSON.parse(line));
  const log = createLog({ service: "router", write, pretty: false });
  fleet = new Fleet({ clock, log });
  pipeline = createPipeline({
    ...defaultQueueLimits,
    fleet,
    clock,
    log,
    profile: profiles.interactive,
    attemptLimit: 4,
  });
  const nodes = { liar: lie, ...(alone ? {} : { honest: answering("true") }) };
  // More slots make it the less loaded one.
  const listed = Object.keys(nodes).map(
    (id) => [id, nodeOf(id, {}, { slots: id === "liar" ? 50 : 1 })] as const,
  );
  fleet.list(new Map(listed));
  for (const [id, answer] of Object.entries(nodes)) fleet.connect(id, fakeRelay(answer));
  // So that the honest node is not as idle as the liar.
  if (!alone) fleet.reserve("honest", "m");
}

beforeEach(() => {
  clock = new FakeClock();
  lines = [];
});

/** As it arrives from another process. */
function encoded(event: GenerationEvent): GenerationEvent {
  const bytes = Buffer.from(toBinary(GenerationEventSchema, event));
  return new EncodedEvent(bytes, 0, bytes.length);
}
const eventOf = (event: Event): GenerationEvent => create(GenerationEventSchema, { event } as never);
const sending =
  (...events: GenerationEvent[]) =>
  (asked: Asked): void => {
    for (const event of events) asked.events.push(encoded(event));
    if (events.at(-1)?.event.case === "finished") asked.events.close();
  };
const reporting =
  (kind: Kind, message = "Go away.", options: MeshErrorOptions = {}) =>
  ({ events }: Asked): void =>
    events.fail(fromErrorDetail(toErrorDetail(new MeshError(kind, message, options))));
const finished = (usage: object, reason = FinishReason.STOP) =>
  eventOf({ case: "finished", value: { reason, usage } });

async function ask(
  fields: Fields = {},
): Promise<{ events: GenerationEvent[]; error: MeshError | undefined }> {
  const events: GenerationEvent[] = [];
  const reading = (async () => {
    for await (const event of pipeline.generate(generationOf(fields), new AbortController().signal))
      events.push(event);
  })();
  const error = reading.then(
    () => undefined,
    (thrown: MeshError) => thrown,
  );
  await settled();
  return { events, error: await error };
}
const breaches = () => lines.filter(({ msg }) => msg === "node broke the contract");

describe("a lie is no answer: another node gives it", () => {
  test.each<{ lie: string; asked?: Fields; lies: (asked: Asked) => void }>([
    {
      lie: "a tool call that nobody asked for",
      lies: sending(
        started(),
        eventOf({ case: "delta", value: { toolCalls: [{ index: 0, id: "c", name: "rm" }] } }),
      ),
    },
    {
      lie: "more text than 20 tokens can have",
      asked: { limits: { maxTokens: 20 } },
      lies: sending(started(), delta("x".repeat(7_600_000))),
    },
    {
      lie: "log probabilities",
      lies: sending(
        started(),
        eventOf({ case: "delta", value: { text: "x", logprobs: [{ token: { text: "x" } }] } }),
      ),
    },
    { lie: "an answer without `started`", lies: sending(delta("x")) },
    {
      lie: "a takeover, which only routers report",
      lies: sending(started(), eventOf({ case: "continued", value: { nodeId: "n" } })),
    },
    {
      lie: "bytes that are no event",
      lies: ({ events }) => void events.push(new EncodedEvent(Buffer.from([0x12, 0x7f]), 0, 2)),
    },
    { lie: "that the key is wrong", lies: reporting("unauthenticated") },
    { lie: "that the caller asks too much", lies: reporting("rate_limited") },
    { lie: "that the account is empty", lies: reporting("quota_exceeded") },
    { lie: "that the caller's queue is full", lies: reporting("caller_queue_full") },
    { lie: "that time is over", lies: reporting("deadline") },
    { lie: "that the caller has left", lies: reporting("cancelled") },
    { lie: "a bug", lies: reporting("internal") },
    { lie: "that the model does not exist", lies: reporting("model_not_found") },
  ])("$lie", async ({ asked, lies }) => {
    join(lies);
    const { events, error } = await ask(asked);
    expect(error).toBeUndefined();
    expect(textOf(events)).toBe("true");
  });

  test("after the first token as well: what was right stays, and the rest comes from the other node", async () => {
    const lie = eventOf({ case: "delta", value: { toolCalls: [{ index: 0, id: "c", name: "rm" }] } });
    join(sending(started(), delta("so far "), lie));
    const { events, error } = await ask();
    expect(error).toBeUndefined();
    expect(textOf(events)).toBe("so far true");
  });
});

test("a node that gives signs of life for ever is left after five minutes without anything new", async () => {
  let beats: { cancel(): void } | undefined;
  join((asked) => {
    asked.events.push(encoded(started()));
    asked.events.push(encoded(delta("so far ")));
    beats = clock.every(500, () => void asked.events.push(encoded(heartbeatEvent())));
  });
  const answer = ask();
  await clock.advance(299_000);
  expect(lines.some(({ msg }) => msg === "answer continued on another node")).toBe(false);
  await clock.advance(80_000);
  beats?.cancel();
  const { events, error } = await answer;
  expect(error).toBeUndefined();
  expect(textOf(events)).toBe("so far true");
});

test("a node that gives a token now and then may take as long as it likes", async () => {
  join(
    (asked) => {
      asked.events.push(encoded(started()));
      let count = 0;
      const timer = clock.every(200_000, () => {
        asked.events.push(encoded(delta("x")));
        if (++count < 6) return;
        asked.events.push(encoded(finished({ completionTokens: 6 })));
        asked.events.close();
        timer.cancel();
      });
    },
    { alone: true },
  );
  const answer = ask();
  for (let minute = 0; minute < 21; minute++) await clock.advance(60_000);
  expect(textOf((await answer).events)).toBe("xxxxxx");
});

describe("what a node claims to have used", () => {
  test("is cut to what it delivered, for the caller and the record, which says by how much", async () => {
    join(sending(started(), delta("a"), finished({ promptTokens: 50_000, completionTokens: 4_000_000_000 })));
    const { events } = await ask();
    expect(events.at(-1)?.event).toMatchObject({
      case: "finished",
      value: { usage: { promptTokens: 13, completionTokens: 1 } },
    });
    expect(lines.find(({ msg }) => msg === "generation finished")).toMatchObject({
      prompt_tokens: 13,
      completion_tokens: 1,
      discrepancy: 4_000_000_000 - 1 + 50_000 - 13,
    });
  });

  test("is not what its speed is learned from", async () => {
    join((asked) => {
      sending(started(), delta("Hello "))(asked);
      clock.after(1000, () => {
        sending(delta("there."), finished({ promptTokens: 5, completionTokens: 50_000 }))(asked);
        asked.events.close();
      });
    });
    const answer = ask();
    await clock.advance(1000);
    await answer;
    const liar = fleet.candidates("m").find(({ node }) => node.id === "liar");
    // Twelve bytes, so four tokens.
    expect(liar?.tokenMs).toBeCloseTo(1000 / 3);
  });
});

describe("what a node says", () => {
  test.each(["invalid_request", "saturated", "no_nodes", "engine_failed"] as const)(
    "of kind %s reaches the caller, short and without secrets",
    async (kind) => {
      const message = `Bad ${"x".repeat(30)} at http://10.1.2.3/v1 with sk-abcdefghijkl ${"long ".repeat(1000)}`;
      const options = { code: "invalid_api_key", param: "not a path", retryAfterMs: 86_400_000 };
      join(reporting(kind, message, options), { alone: true });
      const { error } = await ask();
      expect(error).toMatchObject({ kind, code: undefined, param: undefined });
      expect(error?.retryAfterMs).toBeLessThanOrEqual(60_000);
      expect(error?.message).toMatch(/^Bad x+ at \(an address\) with \(a key\) /);
      expect(error?.message.length).toBeLessThanOrEqual(600);
    },
  );

  test("keeps the codes that callers need", async () => {
    const options = { code: "context_length_exceeded", param: "messages[0].content" };
    join(reporting("invalid_request", "Too long.", options), { alone: true });
    expect((await ask()).error).toMatchObject(options);
  });

  test("of any other kind never reaches the caller", async () => {
    const own = new Set<Kind>([
      "invalid_request",
      "saturated",
      "queue_expired",
      "no_nodes",
      "engine_failed",
      "node_lost",
    ]);
    for (const kind of (Object.keys(kinds) as Kind[]).filter((each) => !own.has(each))) {
      join(reporting(kind), { alone: true });
      expect(["engine_failed", "node_lost", "no_nodes"]).toContain((await ask()).error?.kind);
    }
  });
});

test("a breach counts against the node and is logged, once a minute", async () => {
  join(reporting("unauthenticated"));
  for (let index = 0; index < 5; index++) await ask({ id: `g${index}` });
  expect(breaches()).toMatchObject([
    { node_id: "liar", reason: "The node reported `unauthenticated`, which is not for a node to report." },
  ]);
  expect(fleet.candidates("m").find(({ node }) => node.id === "liar")?.ejected).toBe("failing");
  await clock.advance(120_000);
  await ask();
  expect(breaches()).toHaveLength(2);
});

test("nothing is left behind when an answer has ended, however it did", async () => {
  join(reporting("internal"));
  await ask();
  join(answering("x"));
  await ask();
  expect(clock.pending).toBe(0);
});
