import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { finishedEvent, startedEvent, textEvent } from "../../../core/generation/events.ts";
import {
  DeltaSchema,
  FinishReason,
  type Generation,
  type GenerationEvent,
  GenerationEventSchema,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Capabilities_Resume } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import {
  FakeEngine,
  generationOf,
  servedModel,
  usageOf,
} from "../../../test/support/inference/fake-engine.ts";
import { makeGuard, read, settle } from "../../../test/support/inference/guard.ts";

const started = startedEvent("", "");
const finished = finishedEvent(FinishReason.STOP, usageOf(1));

describe("an answer", () => {
  test("begins with the node's own `started` and passes on the engine's events up to `finished`", async () => {
    const { guard, engine } = await makeGuard();
    const reading = read(guard);
    await settle();
    engine.runs[0]?.answer("Hel", "lo");
    expect(await reading.ended).toBeUndefined();
    expect(reading.events).toEqual(["started node-1 f", "Hel", "lo", "finished 1 2"]);
  });

  test("holds nothing until it is read", async () => {
    const { guard, engine } = await makeGuard();
    const answer = guard.generate(generationOf(), new AbortController().signal)[Symbol.asyncIterator]();
    await settle();
    expect([engine.runs.length, guard.open, guard.current().models[0]?.running]).toEqual([0, 0, 0]);
    await answer.return?.();
    expect(await answer.next()).toEqual({ value: undefined, done: true });
    expect(engine.runs).toHaveLength(0);
  });

  test("waits its turn when all slots are busy, with signs of life", async () => {
    const { guard, engine, clock } = await makeGuard();
    const first = read(guard);
    const second = read(guard);
    const third = read(guard);
    await clock.advance(1200);
    expect(third.events).toEqual(["started node-1 f", "sign of life", "sign of life"]);
    expect(guard.current().models[0]).toMatchObject({ slots: 2, running: 2, waiting: 1 });
    engine.runs[0]?.answer("a");
    await settle();
    expect(engine.runs).toHaveLength(3);
    engine.runs[1]?.answer("b");
    engine.runs[2]?.answer("c");
    await Promise.all([first.ended, second.ended, third.ended]);
    expect(third.events.slice(3)).toEqual(["c", "finished 1 1"]);
    expect(guard.current().models[0]).toMatchObject({ running: 0, waiting: 0 });
    expect(clock.pending).toBe(0);
  });

  test("is refused as saturated when the queue is full", async () => {
    const { guard } = await makeGuard({ queueLimit: 1 });
    const open = [read(guard), read(guard), read(guard)];
    await settle();
    const refused = read(guard);
    expect(await refused.ended).toMatchObject({ kind: "saturated", retryAfterMs: 1000 });
    expect(refused.events).toEqual([]);
    for (const { abort } of open) abort();
  });
});

describe("a slot is free in the same turn", () => {
  const fillSlots = async () => {
    const made = await makeGuard();
    const readings = [read(made.guard), read(made.guard), read(made.guard)] as const;
    await settle();
    expect(made.engine.runs).toHaveLength(2);
    return { ...made, readings };
  };

  test("when the caller aborts, though the engine takes no notice", async () => {
    const { engine, guard, readings } = await fillSlots();
    readings[0].abort();
    expect(guard.current().models[0]).toMatchObject({ running: 2, waiting: 0 });
    expect(engine.runs[0]?.signal.aborted).toBe(true);
    expect(await readings[0].ended).toMatchObject({ kind: "cancelled" });
    await settle();
    expect(engine.runs).toHaveLength(3);
  });

  test("when the caller aborts while it waits", async () => {
    const { engine, guard, readings } = await fillSlots();
    readings[2].abort();
    expect(guard.current().models[0]).toMatchObject({ running: 2, waiting: 0 });
    expect(await readings[2].ended).toMatchObject({ kind: "cancelled" });
    expect(engine.runs).toHaveLength(2);
  });

  test("when the reader leaves", async () => {
    const { engine, guard } = await makeGuard();
    const answer = guard.generate(generationOf(), new AbortController().signal)[Symbol.asyncIterator]();
    await answer.next();
    const next = answer.next();
    await settle();
    engine.runs[0]?.send(started);
    engine.runs[0]?.send(textEvent("a", [1]));
    await next;
    void answer.return?.();
    expect(guard.open).toBe(0);
    expect(engine.runs[0]).toMatchObject({ left: true, signal: { aborted: true } });
  });

  test("when the caller's time is over, running or waiting", async () => {
    const { guard, clock } = await makeGuard();
    const readings = [1, 2, 3].map(() => read(guard, generationOf({ limits: { timeoutMs: 700 } })));
    await clock.advance(699);
    expect(guard.open).toBe(3);
    await clock.advance(1);
    expect(guard.open).toBe(0);
    for (const { ended } of readings) expect(await ended).toMatchObject({ kind: "deadline" });
    expect(clock.pending).toBe(0);
  });

  test("when the engine has sent `finished`, though it does not end", async () => {
    const { engine, guard, readings } = await fillSlots();
    engine.runs[0]?.send(started);
    engine.runs[0]?.send(finished);
    expect(await readings[0].ended).toBeUndefined();
    expect(guard.current().models[0]).toMatchObject({ running: 2, waiting: 0 });
    expect(engine.runs[0]?.left).toBe(true);
  });
});

test("an abort's own reason is what the reader gets", async () => {
  const { guard } = await makeGuard();
  const reading = read(guard);
  await settle();
  reading.abort(new MeshError("deadline", "Too late."));
  expect(await reading.ended).toMatchObject({ kind: "deadline", message: "Too late." });
});

test("a signal that was aborted before holds nothing", async () => {
  const { guard, engine, records } = await makeGuard();
  const answer = guard.generate(generationOf(), AbortSignal.abort())[Symbol.asyncIterator]();
  await expect(answer.next()).rejects.toMatchObject({ kind: "cancelled" });
  expect(await answer.next()).toEqual({ value: undefined, done: true });
  expect([engine.runs.length, guard.open, records.length]).toEqual([0, 0, 1]);
});

describe("an engine that breaks the contract", () => {
  const text = (value: string, ids: number[] = []) => textEvent(value, ids);
  const tools = [{ name: "f" }];
  const toolCall = (piece: { index: number; id?: string; name?: string }) =>
    create(GenerationEventSchema, {
      event: { case: "delta", value: create(DeltaSchema, { toolCalls: [piece] }) },
    });

  test.each<{ because: string; sends: GenerationEvent[]; asks?: Generation; says: string }>([
    { because: "a delta comes before `started`", sends: [text("a")], says: "sent `delta` before `started`" },
    { because: "`finished` comes first", sends: [finished], says: "sent `finished` before `started`" },
    { because: "`started` comes twice", sends: [started, started], says: "sent `started` again after" },
    {
      because: "an event is empty",
      sends: [started, create(GenerationEventSchema)],
      says: "sent `nothing`",
    },
    { because: "it ends early", sends: [started, text("a")], says: "ended its answer without `finished`" },
    {
      because: "it sends more tokens than asked for",
      sends: [started, text("a", [1]), text("b", [2, 3])],
      asks: generationOf({ limits: { maxTokens: 2 } }),
      says: "sent more than the 2 tokens",
    },
    {
      because: "it finishes without a reason",
      sends: [started, finishedEvent(FinishReason.UNSPECIFIED, usageOf(0))],
      says: "finished without a reason",
    },
    {
      because: "it finishes without usage",
      sends: [
        started,
        create(GenerationEventSchema, {
          event: {
            case: "finished",
            value: {
              $typeName: "cxmpute.generation.v1.Finished",
              reason: FinishReason.STOP,
              stop: "",
              continuations: [],
            },
          },
        }),
      ],
      says: "finished without usage",
    },
    {
      because: "a tool call has no name",
      sends: [started, toolCall({ index: 0, id: "call_1" })],
      asks: generationOf({ tools }),
      says: "started a tool call without id or name",
    },
    {
      because: "a tool call is left out",
      sends: [started, toolCall({ index: 1, id: "call_1", name: "f" })],
      asks: generationOf({ tools }),
      says: "left out a tool call",
    },
    {
      because: "it never stops talking",
      sends: [started, text("a".repeat(15_000_000)), text("a".repeat(15_000_000))],
      says: "longer than its tokens can be",
    },
  ])("fails the answer when $because", async ({ sends, asks, says }) => {
    const { guard, engine } = await makeGuard({
      engines: [new FakeEngine([servedModel("m", { capabilities: { tools: true } })])],
    });
    const reading = read(guard, asks);
    await settle();
    for (const event of sends) engine.runs[0]?.send(event);
    engine.runs[0]?.end();
    const error = await reading.ended;
    expect(error).toMatchObject({ kind: "engine_failed" });
    expect(error?.message).toContain(says);
    expect(guard.open).toBe(0);
  });

  test.each<{ because: string; pieces: Parameters<typeof toolCall>[0][]; taken: boolean }>([
    { because: "the first goes on with a call", pieces: [{ index: 0 }], taken: true },
    {
      because: "another call follows it",
      pieces: [{ index: 0 }, { index: 1, id: "c", name: "f" }],
      taken: true,
    },
    { because: "it begins the second call", pieces: [{ index: 1, id: "c", name: "f" }], taken: true },
    { because: "a call is left out", pieces: [{ index: 0 }, { index: 2, id: "c", name: "f" }], taken: false },
    { because: "the next has no name", pieces: [{ index: 0 }, { index: 1 }], taken: false },
  ])("that goes on behind tokens may have begun calls before: $because", async ({ pieces, taken }) => {
    const capabilities = { tools: true, resume: Capabilities_Resume.TOKENS };
    const { guard, engine } = await makeGuard({
      engines: [new FakeEngine([servedModel("m", { capabilities })])],
    });
    const reading = read(guard, generationOf({ tools, resume: { tokenIds: [1, 2] } }));
    await settle();
    for (const event of [started, ...pieces.map(toolCall), finished]) engine.runs[0]?.send(event);
    const error = await reading.ended;
    if (taken) expect(error).toBeUndefined();
    else expect(error).toMatchObject({ kind: "engine_failed" });
  });

  test("throws something: the caller sees `engine_failed`, the log its cause", async () => {
    const { guard, engine, records } = await makeGuard();
    const cause = new TypeError("undefined is not a tensor");
    const reading = read(guard);
    await settle();
    engine.runs[0]?.fail(cause);
    expect(await reading.ended).toMatchObject({
      kind: "engine_failed",
      message: "The engine of `m` failed.",
      cause,
    });
    expect(records[0]?.outcome).toMatchObject({ cause });
  });

  test("throws when it is called at all", async () => {
    const { guard, engine } = await makeGuard();
    engine.generate = () => {
      throw new RangeError("no");
    };
    expect(await read(guard).ended).toMatchObject({ kind: "engine_failed" });
    expect(guard.open).toBe(0);
  });

  test.each(["invalid_request", "saturated", "engine_failed"] as const)(
    "may say `%s` in its own words",
    async (kind) => {
      const { guard, engine } = await makeGuard();
      const reading = read(guard);
      await settle();
      const error = new MeshError(kind, "In its own words.");
      engine.runs[0]?.fail(error);
      expect(await reading.ended).toBe(error);
    },
  );

  test.each(["cancelled", "deadline", "unauthenticated", "internal"] as const)(
    "may not say `%s`",
    async (kind) => {
      const { guard, engine } = await makeGuard();
      const reading = read(guard);
      await settle();
      engine.runs[0]?.fail(new MeshError(kind, "Not its business."));
      expect(await reading.ended).toMatchObject({ kind: "engine_failed" });
    },
  );
});

describe("what can be put right is put right", () => {
  test("half a surrogate pair becomes a replacement character", async () => {
    const { guard, engine } = await makeGuard();
    const reading = read(guard);
    await settle();
    engine.runs[0]?.answer("a\ud83d", "b");
    await reading.ended;
    expect(reading.events).toEqual(["started node-1 f", "a\ufffd", "b", "finished 1 2"]);
  });

  test("usage counts the tokens that were handed over, resumed ones included", async () => {
    const engine = new FakeEngine([servedModel("m", { capabilities: { resume: 3 } })]);
    const { guard } = await makeGuard({ engines: [engine] });
    const reading = read(guard, generationOf({ resume: { tokenIds: [7, 8], text: "xy" } }));
    await settle();
    const run = engine.runs[0];
    run?.send(started);
    run?.send(textEvent("a", [1]));
    run?.send(finishedEvent(FinishReason.STOP, usageOf(40)));
    await reading.ended;
    expect(reading.events.at(-1)).toBe("finished 1 3");
  });

  test("behind a text the limit and the usage are those of what is new", async () => {
    const engine = new FakeEngine([servedModel("m", { capabilities: { resume: 3 } })]);
    const { guard } = await makeGuard({ engines: [engine] });
    const init = { resume: { text: "a long text" }, limits: { maxTokens: 2 } };
    const readings = [read(guard, generationOf(init)), read(guard, generationOf(init))];
    await settle();
    const [right, wrong] = engine.runs;
    right?.answer("b", "c");
    wrong?.answer("b", "c", "d");
    await Promise.all(readings.map(({ ended }) => ended));
    expect(readings[0]?.events).toEqual(["started node-1 f", "b", "c", "finished 1 2"]);
    expect(await readings[1]?.ended).toMatchObject({
      kind: "engine_failed",
      message: "The engine of `m` sent more than the 2 tokens that were asked for.",
    });
  });

  test("usage stands as told where the engine gives no ids", async () => {
    const { guard, engine } = await makeGuard();
    const reading = read(guard);
    await settle();
    const run = engine.runs[0];
    run?.send(started);
    run?.send(textEvent("a", []));
    run?.send(finishedEvent(FinishReason.STOP, usageOf(40)));
    await reading.ended;
    expect(reading.events.at(-1)).toBe("finished 1 40");
  });
});
