import { missingForNat } from "../../test/support/nat.ts";
import { type NatMesh, paced, startNatMesh } from "../../test/support/nat-mesh.ts";
import type { Program } from "../../test/support/program.ts";
import type { Section } from "./section.ts";

/**
 * How soon a node that is gone is out, in milliseconds: 1.5 s of silence, and what it takes to notice. What a node that
 * hears nothing still sends arrives, until its system has waited in vain for a first acknowledgement.
 */
const outLimitMs = 2500;
/** How soon it is in again once its network is back, in milliseconds. */
const inLimitMs = 5000;
/** Of each stream, at 30 a second. */
const tokens = 100;

/** What happens to the network of a node, or to the node. */
interface Trouble {
  readonly name: string;
  /** Begins it. */
  begin(nat: NatMesh, home: Program): void;
  /** Ends it, after so many milliseconds; without it the trouble is over as it begins. */
  readonly end?: { readonly afterMs: number; with(nat: NatMesh, home: Program): void };
}

const unblock = { afterMs: 4000, with: (nat: NatMesh) => nat.network.unblock() };
const troubles: readonly Trouble[] = [
  { name: "another address at home", begin: (nat) => nat.network.changeAddress("home") },
  { name: "another address of the NAT", begin: (nat) => nat.network.changeAddress("NAT") },
  {
    name: "the same, and the NAT refuses what it does not know",
    begin: (nat) => nat.network.changeAddress("NAT", "refuses"),
  },
  { name: "another address of the mesh", begin: (nat) => nat.network.changeAddress("mesh") },
  {
    name: "the same, and the former address refuses",
    begin: (nat) => nat.network.changeAddress("mesh", "refuses"),
  },
  { name: "nothing gets through for 4 s", begin: (nat) => nat.network.block("both"), end: unblock },
  {
    name: "the node is heard but hears nothing for 4 s",
    begin: (nat) => nat.network.block("in"),
    end: unblock,
  },
  { name: "the node hears but is not heard for 4 s", begin: (nat) => nat.network.block("out"), end: unblock },
  {
    name: "the node sleeps for 4 s and wakes elsewhere",
    begin: (_, home) => home.child.kill("SIGSTOP"),
    end: {
      afterMs: 4000,
      with(nat, home) {
        nat.network.changeAddress("home");
        home.child.kill("SIGCONT");
      },
    },
  },
  {
    name: "the plug is out for 30 s",
    begin: (nat) => nat.network.setLink("down"),
    end: { afterMs: 30_000, with: (nat) => nat.network.setLink("up") },
  },
];

/** A node behind NAT whose network changes while it answers, beside one that nothing happens to. */
export async function changedNetworks(): Promise<Section> {
  const missing = missingForNat();
  if (missing !== undefined)
    return { title: `networks that change: skipped, ${missing}`, rows: [], targets: [] };
  const nat = await startNatMesh();
  try {
    const [home] = await Promise.all([
      nat.joinFromHome("home", paced),
      nat.mesh.join("neighbour", paced, { dialled: true }),
    ]);
    const figures = [];
    for (const trouble of troubles) figures.push({ trouble, ...(await suffer(nat, home!, trouble)) });
    return {
      title: "24 streams on two nodes, and the network of one of them, behind NAT, changes",
      rows: [
        ["", "moved", "differ", "out, ms", "in again, ms"],
        ...figures.map(({ trouble, moved, differing, outMs, inMs }) => [
          trouble.name,
          String(moved),
          String(differing),
          outMs === undefined ? "–" : String(outMs),
          String(inMs),
        ]),
      ],
      targets: figures.map(({ trouble, differing, outMs = 0, inMs }) => ({
        holds: differing === 0 && outMs <= outLimitMs && inMs <= inLimitMs,
        says: `${trouble.name}: no answer differs, out <= ${outLimitMs} ms, in again <= ${inLimitMs} ms`,
      })),
    };
  } finally {
    await nat.close();
  }
}

async function suffer(nat: NatMesh, home: Program, { begin, end }: Trouble) {
  const streams = await nat.openStreams(tokens);
  const begunAt = Date.now();
  const out = nat.told("relay to node ended", "home", begunAt);
  begin(nat, home);
  let overAt = begunAt;
  if (end !== undefined) {
    await new Promise((resolve) => setTimeout(resolve, end.afterMs));
    overAt = Date.now();
  }
  const found = nat.told("node connected", "home", overAt);
  end?.with(nat, home);
  const inAt = Math.max(...(await found));
  // Where it is refused it may be in again before anybody has missed it.
  const outAt = await Promise.race([out, Promise.resolve(undefined)]);
  const { received, undisturbed, moved } = await nat.outcome(streams, tokens, "home");
  await nat.untilAnsweredBy("home");
  return {
    moved,
    differing: received.filter((one, index) => JSON.stringify(one) !== JSON.stringify(undisturbed[index]))
      .length,
    outMs: outAt === undefined ? undefined : Math.max(...outAt) - begunAt,
    inMs: inAt - overAt,
  };
}
