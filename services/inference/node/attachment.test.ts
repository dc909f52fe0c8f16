import { describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { shuttingDown } from "../../../core/lifecycle/lifecycle.ts";
import { generationOf } from "../../../test/support/inference/fake-engine.ts";
import { advance, never, settle, startNode } from "../../../test/support/inference/node.ts";
import { transcribe } from "../transcript.ts";

describe("attached", () => {
  test("answers what any of its routers starts, and tells each its load", async () => {
    const { routers, engine } = await startNode();
    const answers = routers.map(({ relay }) => transcribe(relay.generate(generationOf(), never)));
    await settle();
    expect(routers.map(({ relay }) => relay.load?.models[0]?.running)).toEqual([2, 2]);
    for (const run of engine.runs) run.answer("Hel", "lo");
    await settle();
    for (const { text, started } of await Promise.all(answers))
      expect([text, started?.nodeId]).toEqual(["Hello", "node-1"]);
  });

  test("a generation that its router gives up frees its slot", async () => {
    const { routers, engine, node } = await startNode();
    const controller = new AbortController();
    const answer = transcribe(routers[0].relay.generate(generationOf(), controller.signal));
    await settle();
    controller.abort(new MeshError("cancelled", "The caller left."));
    await expect(answer).rejects.toMatchObject({ kind: "cancelled" });
    await settle();
    expect([engine.runs[0]?.signal.aborted, node.load.current().models[0]?.running]).toEqual([true, 0]);
  });

  test("attaches again when the router goes, and ends what that router had open", async () => {
    const { clock, routers, engine, node } = await startNode();
    const answer = transcribe(routers[0].relay.generate(generationOf(), never)).catch((error) => error);
    await settle();
    routers[0].relay.close(new MeshError("node_lost", shuttingDown));
    await advance(clock, 249);
    expect([engine.runs[0]?.signal.aborted, node.load.current().models[0]?.running]).toEqual([true, 0]);
    expect(routers.map(({ hellos }) => hellos.length)).toEqual([1, 1]);
    await advance(clock, 2);
    expect(routers.map(({ hellos }) => hellos.length)).toEqual([2, 1]);
    expect(await answer).toMatchObject({ kind: "node_lost" });
  });

  test("attaches a second time to a router that falls silent, and loses nothing of what that has open", async () => {
    const { clock, routers, engine } = await startNode();
    const [router] = routers;
    const former = router.relay;
    const answer = transcribe(former.generate(generationOf(), never));
    await advance(clock, 3000);
    router.mute = true;
    await advance(clock, 3000);
    expect(router.hellos).toHaveLength(1);
    await advance(clock, 1500);
    expect(routers.map(({ hellos }) => hellos.length)).toEqual([2, 1]);
    router.mute = false;
    engine.runs[0]?.answer("Hel", "lo");
    await settle();
    expect((await answer).text).toBe("Hello");
    await advance(clock, 60_000);
    expect(router.hellos).toHaveLength(2);
    expect(await Promise.race([router.relay.closed, "open"])).toBe("open");
  });

  test("frees what a former relay has open when the router lives but is not heard there any more", async () => {
    const { clock, routers, engine } = await startNode();
    const [router] = routers;
    const answer = transcribe(router.relay.generate(generationOf(), never)).catch((error) => error);
    await advance(clock, 3000);
    router.muted = router.relay;
    await advance(clock, 4500);
    expect(router.hellos).toHaveLength(2);
    expect(engine.runs[0]?.signal.aborted).toBe(false);
    await advance(clock, 3500);
    expect(engine.runs[0]?.signal.aborted).toBe(true);
    expect(await answer).toMatchObject({ kind: "node_lost" });
    expect(await Promise.race([router.relay.closed, "open"])).toBe("open");
  });

  test("does not suspect a router that has never shown signs of life, such as one of an earlier version", async () => {
    const { clock, routers } = await startNode();
    routers[0].mute = true;
    await advance(clock, 60_000);
    expect(routers[0].hellos).toHaveLength(1);
  });

  test("waits longer from try to try, up to 2 s, and begins anew after a success", async () => {
    const { clock, routers } = await startNode();
    const [router] = routers;
    router.refuses = new MeshError("no_nodes", "Not now.");
    router.relay.close(new MeshError("node_lost", shuttingDown));
    const tries: number[] = [];
    for (let elapsed = 0; elapsed < 60_000; elapsed += 250) {
      const before = router.hellos.length;
      await advance(clock, 250);
      if (router.hellos.length > before) tries.push(clock.now());
    }
    const gaps = tries.slice(1).map((time, index) => time - tries[index]!);
    expect(gaps.slice(0, 5)).toEqual([500, 1000, 2000, 2000, 2000]);
    router.refuses = undefined;
    await advance(clock, 2000);
    const before = router.hellos.length;
    router.relay.close(new MeshError("node_lost", shuttingDown));
    await advance(clock, 251);
    expect(router.hellos.length).toBe(before + 1);
  });

  test("registers anew when a router does not know its lease, and shows the new one at once", async () => {
    const { clock, routers, registry } = await startNode();
    routers[0].refusesLease = "lease-1";
    routers[0].relay.close(new MeshError("node_lost", shuttingDown));
    await advance(clock, 251);
    expect(registry.registered).toHaveLength(2);
    expect(routers[0].hellos).toEqual(["node-1 lease-1", "node-1 lease-1", "node-1 lease-2"]);
  });

  test("shows its new lease as soon as it has one, however long it has waited from try to try", async () => {
    const { clock, routers, registry } = await startNode();
    const [router] = routers;
    registry.fails = new MeshError("node_lost", "The line is dead.");
    router.refusesLease = "lease-1";
    router.relay.close(registry.fails);
    await advance(clock, 60_000);
    registry.fails = undefined;
    while (registry.registered.length === 1) await advance(clock, 1);
    await settle();
    expect(router.hellos.at(-1)).toBe("node-1 lease-2");
  });

  test("does not hurry from lease to lease with a router that knows none of them", async () => {
    const { clock, routers } = await startNode();
    const [router] = routers;
    router.refuses = new MeshError("unauthenticated", "No such lease.");
    router.relay.close(new MeshError("node_lost", shuttingDown));
    await advance(clock, 60_000);
    expect(router.hellos.length).toBeGreaterThan(20);
    expect(router.hellos.length).toBeLessThan(40);
  });
});
