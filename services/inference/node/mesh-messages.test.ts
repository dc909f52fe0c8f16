import { describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { protocol } from "../../../core/protocol.ts";
import { advance, away, makeNode, settle, startNode } from "./fakes.ts";
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
        "The registry speaks version 99 of the mesh's protocol, the node understands version 1: they cannot work together. Update cxmpute on the node.",
    });
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
