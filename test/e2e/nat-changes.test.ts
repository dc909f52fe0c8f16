import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { missingForNat } from "../support/nat.ts";
import { type NatMesh, paced, startNatMesh } from "../support/nat-mesh.ts";
import type { Program } from "../support/program.ts";

const missing = missingForNat();

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

    /**
     * Makes the change under streams of more than 3 s until it has hit one, and expects the node to come back and nothing
     * to be missing from any answer.
     */
    async function expectNoHarm(change: (since: number) => Promise<void> | void): Promise<void> {
      for (let tries = 0, hits = 0; hits === 0; tries++) {
        expect(tries, "streams had ended before the change, or were elsewhere").toBeLessThan(4);
        const streams = await nat.openStreams(100);
        const since = Date.now();
        const found = nat.told("node connected", "home", since);
        await change(since);
        await found;
        const { received, undisturbed, moved } = await nat.outcome(streams, 100, "home");
        expect(received).toEqual(undisturbed);
        hits = moved;
        await nat.untilAnsweredBy("home");
      }
    }

    test.each([
      { of: "home", former: "silent", because: "the machine is in another wifi" },
      { of: "NAT", former: "silent", because: "the line has been given another address" },
      { of: "NAT", former: "refuses", because: "so it has, and the NAT refuses what it does not know" },
      { of: "mesh", former: "silent", because: "the mesh's name leads elsewhere" },
      { of: "mesh", former: "refuses", because: "so it does, and somebody else has the former address" },
    ] as const)(
      "comes back after a new address ($of, $former: $because), and no answer suffers",
      ({ of, former }) => expectNoHarm(() => nat.network.changeAddress(of, former)),
    );

    test.each([
      { direction: "both", because: "nothing gets through" },
      { direction: "in", because: "the node is heard but hears nothing" },
      { direction: "out", because: "the node hears but is not heard" },
    ] as const)(
      "is given up while packets are dropped ($direction: $because), comes back, and no answer suffers",
      ({ direction }) =>
        expectNoHarm(async (since) => {
          nat.network.block(direction);
          await nat.told("relay to node ended", "home", since);
          nat.network.unblock();
        }),
    );

    test("is given up while it sleeps, comes back when it wakes elsewhere, and no answer suffers", () =>
      expectNoHarm(async (since) => {
        home.child.kill("SIGSTOP");
        await nat.told("relay to node ended", "home", since);
        nat.network.changeAddress("home");
        home.child.kill("SIGCONT");
      }));
  },
);
