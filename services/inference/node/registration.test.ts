import { describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { generationOf, servedModel } from "../../../test/support/inference/fake-engine.ts";
import { advance, away, makeNode, never, settle, startNode } from "../../../test/support/inference/node.ts";
import { transcribe } from "../transcript.ts";

describe("the lease", () => {
  test("is renewed every third of its life", async () => {
    const { clock, registry } = await startNode();
    await advance(clock, 9000);
    expect([registry.renewals, registry.registered.length]).toEqual([3, 1]);
  });

  test("is renewed up to a fifth earlier, at random", async () => {
    const { clock, registry } = await startNode({ random: () => 0.999 });
    await advance(clock, 2410);
    expect(registry.renewals).toBe(1);
  });

  test("that has lapsed, or that a new registry does not know, is replaced at once", async () => {
    const { clock, registry } = await startNode();
    registry.leases.clear();
    await advance(clock, 3000);
    expect(registry.registered).toHaveLength(2);
    await advance(clock, 9000);
    expect(registry.registered).toHaveLength(2);
  });

  test("stands while the registry is away, and the node goes on serving", async () => {
    const { clock, registry, routers, engine } = await startNode();
    registry.fails = away;
    await advance(clock, 900_000);
    const answer = transcribe(routers[0].relay.generate(generationOf(), never));
    await settle();
    engine.runs[0]?.answer("still here");
    await settle();
    expect((await answer).text).toBe("still here");
    registry.fails = undefined;
    registry.leases.clear();
    await advance(clock, 10_000);
    expect(registry.registered).toHaveLength(2);
  });

  test("is asked for again when a call has had no answer for 5 s", async () => {
    const { clock, registry } = await startNode();
    registry.mute = true;
    await advance(clock, 3000 + 5000);
    registry.mute = false;
    await advance(clock, 300);
    expect(registry.renewals).toBe(1);
  });

  test("is asked for no more once the node was thrown out for good", async () => {
    const revoked: MeshError[] = [];
    const { clock, registry } = await startNode({ onRevoked: (error) => void revoked.push(error) });
    registry.leases.clear();
    registry.fails = new MeshError("unauthenticated", "Removed.", { code: "node_revoked" });
    await advance(clock, 60_000);
    expect(revoked).toEqual([registry.fails]);
    registry.fails = undefined;
    await advance(clock, 60_000);
    expect(registry.registered).toHaveLength(1);
  });

  test("is waited for while the name may belong to a process that has ended", async () => {
    const { clock, registry, start, started, lines } = await makeNode();
    registry.fails = new MeshError("saturated", "The name is in use.", { code: "name_in_use" });
    void start();
    await advance(clock, 4000);
    expect(started()).toBe("no");
    expect(lines.filter(({ level }) => level === "warn").map(({ msg }) => msg)).toEqual([
      "another process holds this node's name; waiting in case it has just ended",
    ]);
    registry.fails = undefined;
    await advance(clock, 2000);
    expect(started()).toBe("yes");
  });

  test("is asked for no more by a process that starts beside the one that has the name", async () => {
    const { clock, registry, start, started } = await makeNode();
    registry.fails = new MeshError("invalid_request", "The name is in use.", { code: "name_in_use" });
    void start();
    await advance(clock, 60_000);
    expect(started()).toBe(registry.fails);
    expect(registry.calls).toBe(1);
  });

  test("a change of the models is registered at the next look", async () => {
    const { clock, registry, engine, routers } = await startNode();
    engine.serves = [servedModel("m"), servedModel("n")];
    await advance(clock, 10_000);
    expect(registry.registered.at(-1)?.models.map(({ model }) => model)).toEqual(["m", "n"]);
    expect(routers[0].relay.load?.models.map(({ model }) => model)).toEqual(["m", "n"]);
  });
});
