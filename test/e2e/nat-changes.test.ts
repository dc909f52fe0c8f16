import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { missingForNat } from "../support/nat.ts";
import { type NatMesh, paced, startNatMesh } from "../support/nat-mesh.ts";
import type { Program } from "../support/program.ts";

const missing = missingForNat();

/** How long packets are dropped, or the node sleeps, in milliseconds: longer than it takes to notice. */
const awayMs = 4000;
/**
 * How soon a node that is gone is out, in milliseconds: 1.5 s of silence, and what it takes to notice. What a node that
 * hears nothing still sends arrives, until its system has waited in vain for a first acknowledgement.
 */
const outMs = 2500;

describe.skipIf(missing !== undefined)(
  `a node whose network changes while it answers${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    let nat: NatMesh;
    let home: Program;

    beforeAll(async () => {
      nat = await startNatMesh();
      [home] = await Promise.all([
        nat.joinFromHome("home", paced),
        nat.mesh.join("neighbour", paced, { dialled: true }),
      ]);
    });
    afterAll(() => nat?.close());

    test.each([
      { of: "home", former: "silent", because: "the machine is in another wifi" },
      { of: "NAT", former: "silent", because: "the line has been given another address" },
      { of: "NAT", former: "refuses", because: "so it has, and the NAT refuses what it does not know" },
      { of: "mesh", former: "silent", because: "the mesh's name leads elsewhere" },
      { of: "mesh", former: "refuses", because: "so it does, and somebody else has the former address" },
    ] as const)(
      "is in again within 5 s of a new address ($of, $former: $because), and no answer suffers",
      async ({ of, former }) => {
        const streams = await nat.openStreams();
        const changed = Date.now();
        const out = nat.told("relay to node ended", "home", changed);
        const found = nat.told("node connected", "home", changed);
        nat.network.changeAddress(of, former);
        // Where it is refused it may be in again before anybody has missed it.
        expect(Math.max(...(await Promise.race([out, found]))) - changed).toBeLessThan(outMs);
        expect(Math.max(...(await found)) - changed).toBeLessThan(5000);
        await nat.expectUndisturbed(streams, "home");
        await nat.untilAnsweredBy("home");
      },
    );

    test.each([
      { direction: "both", because: "nothing gets through" },
      { direction: "in", because: "the node is heard but hears nothing" },
      { direction: "out", because: "the node hears but is not heard" },
    ] as const)(
      "is out and in again within 5 s when packets are dropped ($direction: $because), and no answer suffers",
      async ({ direction }) => {
        const streams = await nat.openStreams();
        const blocked = Date.now();
        const out = nat.told("relay to node ended", "home", blocked);
        nat.network.block(direction);
        expect(Math.max(...(await out)) - blocked).toBeLessThan(outMs);
        await new Promise((resolve) => setTimeout(resolve, awayMs - (Date.now() - blocked)));
        const unblocked = Date.now();
        const found = nat.told("node connected", "home", unblocked);
        nat.network.unblock();
        expect(Math.max(...(await found)) - unblocked).toBeLessThan(5000);
        await nat.expectUndisturbed(streams, "home");
        await nat.untilAnsweredBy("home");
      },
    );

    test("is in again within 5 s after it was put to sleep and woken elsewhere, and no answer suffers", async () => {
      const streams = await nat.openStreams();
      const asleep = Date.now();
      const out = nat.told("relay to node ended", "home", asleep);
      home.child.kill("SIGSTOP");
      expect(Math.max(...(await out)) - asleep).toBeLessThan(outMs);
      await new Promise((resolve) => setTimeout(resolve, awayMs - (Date.now() - asleep)));
      nat.network.changeAddress("home");
      const woken = Date.now();
      const found = nat.told("node connected", "home", woken);
      home.child.kill("SIGCONT");
      expect(Math.max(...(await found)) - woken).toBeLessThan(5000);
      await nat.expectUndisturbed(streams, "home");
      await nat.untilAnsweredBy("home");
    });
  },
  60_000,
);
