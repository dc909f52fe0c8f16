import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { finishedEvent, heartbeatEvent, startedEvent, textEvent } from "../../../core/generation/events.ts";
import { shuttingDown } from "../../../core/lifecycle/lifecycle.ts";
import { FinishReason } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Capabilities_Resume, NodeSchema } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import {
  FakeEngine,
  generationOf,
  servedModel,
  usageOf,
} from "../../../test/support/inference/fake-engine.ts";
import { makeGuard, read, settle } from "../../../test/support/inference/guard.ts";
import { checkNode } from "../../registry/check-node.ts";

const started = startedEvent("", "");
const finished = finishedEvent(FinishReason.STOP, usageOf(1));

describe("models", () => {
  test("an unknown model is refused by name", async () => {
    const { guard } = await makeGuard();
    expect(await read(guard, generationOf({ model: "x" })).ended).toMatchObject({
      kind: "model_not_found",
      param: "model",
      message: "This node does not serve `x`.",
    });
  });

  test("of two engines with one model the first has it; asking overlaps never", async () => {
    const engines = [
      new FakeEngine([servedModel("m")]),
      new FakeEngine([servedModel("m"), servedModel("n", { slots: 5 })]),
    ];
    const { guard } = await makeGuard({ engines });
    const { signal } = new AbortController();
    await Promise.all([guard.refresh(signal), guard.refresh(signal)]);
    expect(engines.map(({ modelCalls }) => modelCalls)).toEqual([2, 2]);
    expect(guard.models.map(({ model, slots }) => [model, slots])).toEqual([
      ["m", 2],
      ["n", 5],
    ]);
    const readings = [read(guard), read(guard, generationOf({ model: "n" }))];
    await settle();
    expect(engines.map(({ runs }) => runs.map(({ generation }) => generation.model))).toEqual([["m"], ["n"]]);
    for (const { abort } of readings) abort();
  });

  test.each([
    ["an empty name", { model: "" }],
    ["a name that is too long", { model: "x".repeat(257) }],
    ["a control character in its name", { model: "a\u0000b" }],
    ["a line break in its name", { model: "a\nb" }],
    ["a space at the end of its name", { model: "a " }],
    ["half a character in its name", { model: "a\ud800" }],
    ["an engine's name that is too long", { engineName: "x".repeat(1025) }],
    ["a fingerprint that is too long", { fingerprint: "x".repeat(257) }],
    ["no slots", { slots: 0 }],
    ["more slots than there can be", { slots: 1e9 }],
    ["a context that no number of the contract holds", { contextLength: 1e12 }],
    ["a context of half a token", { contextLength: 0.5 }],
    ["a context that is no number", { contextLength: Number.NaN }],
  ])("one with %s is left out, and the others stay", async (_, fields) => {
    const bad = { ...servedModel("bad"), ...fields };
    const engine = new FakeEngine([servedModel("a"), bad, servedModel("b")]);
    const { guard } = await makeGuard({ engines: [engine] });
    expect(guard.models.map(({ model }) => model)).toEqual(["a", "b"]);
    const { signal } = new AbortController();
    // Reported at the first look, which `makeGuard` has taken, and not again.
    expect((await guard.refresh(signal)).leftOut).toEqual([]);
    engine.serves = [servedModel("a"), { ...bad, fingerprint: "y".repeat(300) }];
    expect((await guard.refresh(signal)).leftOut.length).toBeLessThanOrEqual(1);
    // The registry, whose rule it is, takes what is left.
    expect(() => checkNode(create(NodeSchema, { id: "n", models: guard.models }))).not.toThrow();
    expect(() => checkNode(create(NodeSchema, { id: "n", models: [bad] }))).toThrow();
  });

  test("beyond the most that a node may offer are left out, in one sentence", async () => {
    const engine = new FakeEngine([servedModel("a")]);
    const { guard } = await makeGuard({ engines: [engine] });
    engine.serves = Array.from({ length: 3000 }, (_, index) => servedModel(`m${index}`));
    const { leftOut } = await guard.refresh(new AbortController().signal);
    expect(leftOut).toEqual([
      "2488 more models are not offered to the mesh: a node offers at most 512. Choose them with --only NAME.",
    ]);
    expect(guard.models).toHaveLength(512);
  });

  test("a change of the list is told, and a model that stays keeps what runs", async () => {
    const { guard, engine } = await makeGuard();
    const { signal } = new AbortController();
    let told = 0;
    guard.subscribe(() => told++);
    expect(await guard.refresh(signal)).toEqual({ changed: false, failures: [], leftOut: [] });
    const reading = read(guard);
    await settle();
    told = 0;
    engine.serves = [servedModel("m", { slots: 9 }), servedModel("n")];
    expect(await guard.refresh(signal)).toEqual({ changed: true, failures: [], leftOut: [] });
    expect(told).toBeGreaterThan(0);
    expect(guard.current().models).toMatchObject([
      { model: "m", slots: 9, running: 1 },
      { model: "n", slots: 2, running: 0 },
    ]);
    reading.abort();
  });

  test("an engine that cannot say what it serves serves nothing until it can", async () => {
    const engines = [new FakeEngine([servedModel("m")]), new FakeEngine([servedModel("n")])];
    const { guard } = await makeGuard({ engines });
    const { signal } = new AbortController();
    engines[0]!.serves = () => Promise.reject(new Error("connection refused"));
    const { changed, failures } = await guard.refresh(signal);
    expect(changed).toBe(true);
    expect(failures).toMatchObject([{ kind: "engine_failed", cause: { message: "connection refused" } }]);
    expect(guard.models.map(({ model }) => model)).toEqual(["n"]);
  });
});

describe("an answer that comes again because its router was lost", () => {
  const resuming = (slots: number) => {
    const served = servedModel("m", { slots });
    const capabilities = { ...served.capabilities!, resume: Capabilities_Resume.TOKENS };
    return makeGuard({ engines: [new FakeEngine([{ ...served, capabilities }])] });
  };
  const again = (id: string, beingRead: boolean) =>
    generationOf({ id, resume: { text: "One ", tokenIds: [1], beingRead } });

  test("ends the attempt for the lost router at once and takes its slot", async () => {
    const { guard, engine } = await resuming(1);
    const lost = read(guard, generationOf({ id: "g" }));
    await settle();
    read(guard, again("g", true));
    await settle();
    expect(await lost.ended).toMatchObject({ kind: "cancelled" });
    expect(engine.runs.map(({ generation, signal }) => [generation.resume?.text, signal.aborted])).toEqual([
      [undefined, true],
      ["One ", false],
    ]);
  });

  test.each([
    { what: "another one", generation: again("h", true) },
    { what: "one that nobody reads yet", generation: again("g", false) },
    { what: "one from its start", generation: generationOf({ id: "g" }) },
  ])("leaves running what $what repeats", async ({ generation }) => {
    const { guard, engine } = await resuming(2);
    const first = read(guard, generationOf({ id: "g" }));
    await settle();
    const second = read(guard, generation);
    await settle();
    expect(engine.runs.map(({ signal }) => signal.aborted)).toEqual([false, false]);
    for (const { abort } of [first, second]) abort();
  });
});

describe("the end", () => {
  test("draining refuses what is new and waits for what is open", async () => {
    const { guard, engine } = await makeGuard();
    const reading = read(guard);
    await settle();
    let drained = false;
    const draining = guard.drain().then(() => {
      drained = true;
    });
    expect(await read(guard).ended).toMatchObject({ kind: "no_nodes" });
    expect(guard.current().draining).toBe(true);
    await settle();
    expect(drained).toBe(false);
    engine.runs[0]?.answer("a");
    await draining;
    expect(reading.events).toEqual(["started node-1 f", "a", "finished 1 1"]);
  });

  test("closing ends what is open with the reason, then closes the engines", async () => {
    const { guard, engine } = await makeGuard();
    const readings = [read(guard), read(guard), read(guard)];
    await settle();
    await guard.close(new MeshError("node_lost", shuttingDown));
    for (const { ended } of readings) expect(await ended).toMatchObject({ kind: "node_lost" });
    expect([engine.closed, guard.open]).toEqual([true, 0]);
    expect(engine.runs.every(({ signal }) => signal.aborted)).toBe(true);
  });

  test("each generation leaves one record that tells times and tokens, nothing of its content", async () => {
    const { guard, engine, clock, records } = await makeGuard();
    const others = [read(guard), read(guard)];
    const reading = read(guard);
    await clock.advance(100);
    for (const { abort } of others) abort();
    await clock.advance(50);
    const run = engine.runs[2];
    run?.send(started);
    await clock.advance(5);
    run?.send(heartbeatEvent());
    await clock.advance(5);
    run?.send(textEvent("a", [1]));
    await clock.advance(40);
    run?.send(finished);
    await reading.ended;
    expect(records.map(({ outcome }) => (outcome instanceof MeshError ? outcome.kind : outcome))).toEqual([
      "cancelled",
      "cancelled",
      FinishReason.STOP,
    ]);
    expect(records[2]).toMatchObject({
      queuedMs: 100,
      firstTokenMs: 160,
      durationMs: 200,
      givenTokens: 1,
      usage: { promptTokens: 3, completionTokens: 1 },
    });
  });
});
