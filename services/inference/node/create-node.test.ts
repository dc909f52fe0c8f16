import { describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { FakeEngine, generationOf } from "../../../test/support/inference/fake-engine.ts";
import { advance, away, makeNode, never, settle, startNode } from "../../../test/support/inference/node.ts";
import { transcribe } from "../transcript.ts";

describe("starting", () => {
  test("loads the engines, registers what they serve, and attaches to every router", async () => {
    const { registry, routers } = await startNode({ version: "1.2.3" });
    expect(registry.registered).toMatchObject([
      { id: "node-1", address: "", version: "1.2.3", draining: false, models: [{ model: "m", slots: 2 }] },
    ]);
    expect(routers.map(({ hellos }) => hellos)).toEqual([["node-1 lease-1"], ["node-1 lease-1"]]);
    expect(routers[0].relay.load).toMatchObject({ models: [{ model: "m", slots: 2, running: 0 }] });
  });

  test("with an address registers it, and attaches to nobody", async () => {
    const { registry, routers } = await startNode({ advertise: "10.0.0.7:50053" });
    expect(registry.registered[0]?.address).toBe("10.0.0.7:50053");
    expect(routers.map(({ hellos }) => hellos)).toEqual([[], []]);
  });

  test("fails when no engine can serve anything, with the engine's own words", async () => {
    const { engine, registry, start, started } = await makeNode();
    engine.serves = () => Promise.reject(new MeshError("invalid_request", "There is no file m.gguf."));
    await start();
    expect(started()).toMatchObject({ message: "There is no file m.gguf." });
    expect(registry.registered).toEqual([]);
  });

  test("serves what the other engines can when one cannot, and says so", async () => {
    const broken = new FakeEngine(() => Promise.reject(new Error("refused")));
    const { registry, lines } = await startNode({ engines: [broken, new FakeEngine()] });
    expect(registry.registered[0]?.models.map(({ model }) => model)).toEqual(["m"]);
    expect(lines.some(({ msg }) => msg === "an engine has no models left")).toBe(true);
  });

  test("waits for a registry that is away, and tells it once in the log", async () => {
    const { clock, registry, lines, start, started, routers } = await makeNode();
    registry.fails = away;
    void start();
    await advance(clock, 60_000);
    expect([started(), routers[0].hellos]).toEqual(["no", []]);
    expect(lines.filter(({ level }) => level === "warn")).toHaveLength(1);
    registry.fails = undefined;
    await advance(clock, 10_000);
    expect([started(), routers[0].hellos]).toEqual(["yes", ["node-1 lease-1"]]);
  });

  test("fails when the registry refuses the node", async () => {
    const { registry, start, started, clock } = await makeNode();
    registry.fails = new MeshError("invalid_request", "The address is no HOST:PORT.");
    await start();
    expect(started()).toMatchObject({ message: "The address is no HOST:PORT." });
    await advance(clock, 60_000);
    expect(clock.pending).toBe(0);
  });

  test("can be given up", async () => {
    const { clock, registry, start, starting, started, node } = await makeNode();
    registry.fails = away;
    void start();
    await advance(clock, 1000);
    starting.abort(new MeshError("cancelled", "Ctrl-C."));
    await settle();
    expect(started()).toMatchObject({ message: "Ctrl-C." });
    const closing = node.close();
    await advance(clock, 1000);
    await closing;
    expect(clock.pending).toBe(0);
  });
});

describe("draining", () => {
  test("refuses what is new, finishes what is open, then leaves", async () => {
    const { clock, node, routers, registry, engine } = await startNode();
    const { relay } = routers[0];
    const open = transcribe(relay.generate(generationOf(), never));
    await settle();
    let drained = false;
    const draining = node.drain(30_000).then(() => {
      drained = true;
    });
    await settle();
    expect(registry.registered.at(-1)).toMatchObject({ draining: true, models: [{ model: "m" }] });
    expect(relay.load?.draining).toBe(true);
    const refused = transcribe(relay.generate(generationOf(), never)).catch((error) => error);
    await advance(clock, 10_000);
    expect(await refused).toMatchObject({ kind: "no_nodes" });
    expect([drained, registry.deregistered]).toEqual([false, []]);
    engine.runs[0]?.answer("a", "b");
    await settle();
    expect((await open).text).toBe("ab");
    expect(registry.deregistered).toEqual(["lease-2"]);
    await advance(clock, 200);
    await draining;
    expect(await relay.closed).toMatchObject({ kind: "node_lost" });
    await advance(clock, 60_000);
    expect(routers[0].hellos).toHaveLength(1);
  });

  test("waits no longer than it is allowed to", async () => {
    const { clock, node, routers, registry, engine } = await startNode();
    const open = transcribe(routers[0].relay.generate(generationOf(), never)).catch((error) => error);
    await settle();
    const draining = node.drain(5000);
    await advance(clock, 5200);
    await draining;
    expect(registry.deregistered).toHaveLength(1);
    expect(await open).toMatchObject({ kind: "node_lost" });
    await node.close();
    expect([engine.closed, engine.runs[0]?.signal.aborted]).toEqual([true, true]);
  });

  test("and closing, in any number, leave no timer and one farewell", async () => {
    const { clock, node, registry } = await startNode();
    await Promise.all([node.drain(1000), node.drain(1000), advance(clock, 200)]);
    await Promise.all([node.close(), node.close()]);
    await settle();
    expect([registry.deregistered.length, clock.pending]).toEqual([1, 0]);
  });

  test("does not wait for a registry that is away", async () => {
    const { clock, node, registry } = await startNode();
    registry.mute = true;
    let drained = false;
    void node.drain(30_000).then(() => {
      drained = true;
    });
    await advance(clock, 1000);
    expect(drained).toBe(true);
    await node.close();
    await settle();
    expect(clock.pending).toBe(0);
  });
});

describe("the log", () => {
  test("has one line for each generation at its end, which tells no word of it", async () => {
    const { clock, routers, engine, lines } = await startNode();
    const generation = generationOf({ caller: { requestId: "req-7", userId: "user-3" } });
    const answer = transcribe(routers[0].relay.generate(generation, never));
    await advance(clock, 20);
    engine.runs[0]?.answer("top", "secret");
    await settle();
    await answer;
    const told = lines.filter((line) => line.generation_id === "gen-1");
    expect(told).toMatchObject([
      {
        level: "info",
        request_id: "req-7",
        model: "m",
        node_id: "node-1",
        outcome: "stop",
        prompt_tokens: 3,
        completion_tokens: 2,
        queued_ms: 0,
        duration_ms: 20,
      },
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/secret|What is a mesh/);
  });

  test("tells what lies beneath a failure of the engine", async () => {
    const { routers, engine, lines } = await startNode();
    const answer = transcribe(routers[0].relay.generate(generationOf(), never)).catch((error) => error);
    await settle();
    engine.runs[0]?.fail(new TypeError("undefined is not a tensor"));
    await settle();
    expect(await answer).toMatchObject({ kind: "engine_failed", message: "The engine of `m` failed." });
    expect(lines.filter((line) => line.generation_id === "gen-1")).toMatchObject([
      { level: "warn", outcome: "engine_failed" },
      { level: "error", err: { cause: { message: "undefined is not a tensor" } } },
    ]);
  });
});
