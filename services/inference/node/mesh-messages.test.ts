import { describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { protocol, protocolCode } from "../../../core/protocol.ts";
import { advance, away, makeNode, settle, startNode } from "../../../test/support/inference/node.ts";
import { nodeMessages } from "./messages.ts";

const warnings = (lines: readonly { level?: string; msg?: string }[]): string[] =>
  lines.flatMap(({ level, msg }) => (level === "warn" && msg !== undefined ? [msg] : []));

describe("a registry that is away", () => {
  test("is told once, at once, and when it is back", async () => {
    const { clock, registry, start, lines } = await makeNode({ registryName: "the registry at r:1" });
    registry.fails = away;
    void start();
    await advance(clock, 20_000);
    expect(warnings(lines)).toEqual([nodeMessages.registryAway("the registry at r:1")]);
    registry.fails = undefined;
    await advance(clock, 3000);
    expect(lines.map(({ msg }) => msg)).toContain(nodeMessages.registryBack("the registry at r:1"));
  });

  test("is told from one that is there and has no room", async () => {
    const { registry, start, lines } = await makeNode();
    registry.fails = new MeshError("saturated", "The registry is full.");
    void start();
    await settle();
    expect(warnings(lines)).toEqual([nodeMessages.registryRefuses("the registry")]);
  });
});

test("a router that is away is told by its name, once for each outage", async () => {
  const { clock, routers, lines } = await startNode({
    routerNames: ["the router at a:1", "the router at b:2"],
  });
  routers[1].refuses = away;
  routers[1].relay.close(away);
  await advance(clock, 20_000);
  expect(warnings(lines)).toEqual([nodeMessages.routerAway("the router at b:2")]);
});

describe("the protocol", () => {
  test("that the node speaks is told", async () => {
    const { registry } = await startNode();
    expect(registry.protocolVersions).toEqual([protocol.current]);
  });

  test("of a registry that is too new for the node ends the start, and says what to update", async () => {
    const { registry, start, started } = await makeNode();
    registry.tells = { protocolVersion: 99 };
    await start();
    expect(started()).toMatchObject({
      kind: "invalid_request",
      message:
        "Update cxmpute on the node: it speaks version 1 of the mesh's protocol, the registry version 99.",
    });
  });

  test("of a registry that is newer and still speaks the node's is no trouble", async () => {
    const { registry, start, started } = await makeNode();
    registry.tells = { protocolVersion: 99, oldestProtocolVersion: protocol.current };
    await start();
    expect(started()).toBe("yes");
  });

  test("of a registry that comes back with another one is told once, tried again every minute, and shown", async () => {
    const { clock, node, registry, lines } = await startNode({ registryName: "the registry at r:1" });
    const says =
      "Update cxmpute on the node: it speaks version 1 of the mesh's protocol, the registry version 99.";
    registry.fails = away;
    await advance(clock, 5000);
    registry.fails = new MeshError("invalid_request", says, { code: protocolCode });
    await advance(clock, 5000);
    const asked = registry.calls;
    await advance(clock, 10 * 60_000);
    expect(registry.calls - asked).toBe(10);
    expect(warnings(lines)).toEqual([
      nodeMessages.registryAway("the registry at r:1"),
      nodeMessages.registryMismatch("the registry at r:1", says),
    ]);
    expect(node.trouble).toBe(says);
    registry.fails = undefined;
    await advance(clock, 60_000);
    expect(node.trouble).toBeUndefined();
    expect(warnings(lines).at(-1)).toBe(nodeMessages.registryBack("the registry at r:1"));
  });

  const routerNames = ["the router at a:1", "the router at b:2"];
  const ours = { current: 3, oldest: 2 };
  const says =
    "Update cxmpute on the router: it speaks version 1 of the mesh's protocol, the node versions 2 to 3.";

  test("that a node and a router speak is told by both, and one in common is enough", async () => {
    const { node, routers, lines } = await makeNode({ protocol: ours, routerNames }).then(async (made) => {
      made.routers[0].protocol = { current: 2, oldest: 1 };
      made.routers[1].protocol = { current: 4, oldest: 3 };
      void made.start();
      await settle();
      return made;
    });
    expect(routers.map(({ nodeProtocols }) => nodeProtocols)).toMatchObject([[ours], [ours]]);
    expect(routers.map(({ relays }) => relays.length)).toEqual([1, 1]);
    expect([warnings(lines), node.trouble]).toEqual([[], undefined]);
  });

  test.each([
    ["tells none, so it is older", undefined, undefined],
    ["is older", { current: 1, oldest: 1 }, undefined],
    ["refuses the node", undefined, new MeshError("invalid_request", says, { code: protocolCode })],
  ])(
    "of a router that %s keeps the node from attaching: told once, tried again every minute, shown until it goes",
    async (_, told, refuses) => {
      const { clock, node, routers, start, lines } = await makeNode({ protocol: ours, routerNames });
      routers[0].protocol = ours;
      routers[1].protocol = told;
      routers[1].refuses = refuses;
      void start();
      await advance(clock, 10 * 60_000);
      expect(routers[1].hellos).toHaveLength(11);
      expect(warnings(lines)).toEqual([nodeMessages.routerMismatch("the router at b:2", says)]);
      expect(node.trouble).toBe(says);
      routers[1].protocol = ours;
      routers[1].refuses = undefined;
      await advance(clock, 60_000);
      expect(node.trouble).toBeUndefined();
      expect(lines.map(({ msg }) => msg)).toContain("attached to the router at b:2");
      await node.close();
    },
  );

  test("of a router that was away before is told although the outage was", async () => {
    const { clock, routers, start, lines } = await makeNode({ protocol: ours, routerNames });
    routers[0].protocol = ours;
    routers[1].refuses = away;
    void start();
    await advance(clock, 5000);
    routers[1].refuses = undefined;
    await advance(clock, 5000);
    expect(warnings(lines)).toEqual([
      nodeMessages.routerAway("the router at b:2"),
      nodeMessages.routerMismatch("the router at b:2", says),
    ]);
  });
});

describe("the clock", () => {
  test.each([
    { registryAheadMs: 90_000, says: nodeMessages.clockSkew(-90_000) },
    { registryAheadMs: -90_000, says: nodeMessages.clockSkew(90_000) },
  ])("is compared with the registry's, $registryAheadMs ms ahead", async ({ registryAheadMs, says }) => {
    const { clock, registry, start, lines } = await makeNode();
    registry.tells = { nowMs: BigInt(clock.wallTime() + registryAheadMs) };
    void start();
    await settle();
    expect(warnings(lines)).toEqual([says]);
  });

  test.each([29_000, -29_000])("may differ by %i ms", async (skewMs) => {
    const { clock, registry, start, lines } = await makeNode();
    registry.tells = { nowMs: BigInt(clock.wallTime() + skewMs) };
    void start();
    await settle();
    expect(warnings(lines)).toEqual([]);
  });
});

test("the messages say by how much the clock is wrong, and in which direction", () => {
  expect(nodeMessages.clockSkew(61_000)).toContain("is 61 s ahead of the registry's");
  expect(nodeMessages.clockSkew(-61_000)).toContain("is 61 s behind the registry's");
});
