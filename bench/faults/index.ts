import { parseArgs } from "node:util";
import { count } from "../count.ts";
import { raisePriority } from "../processes/priority.ts";
import { alignColumns } from "../relay/table.ts";
import { leavingClients } from "./clients.ts";
import { failingNodes } from "./failing.ts";
import { hungEngines } from "./hangs.ts";
import { lostNodes, lostRouters } from "./losses.ts";
import { changedNetworks } from "./network.ts";
import { overload } from "./overload.ts";
import type { Section } from "./section.ts";

/** How to call it. */
export const usage = `npm run bench -- faults [options] [PART …]

How long the mesh takes to get over faults, each of its processes a real one; all parts unless some are named:
  nodes      a node is killed or frozen in the middle of streams; beside it, in the same run, the same without a loss
  routers    the same with a router: beside another one, together with a node, and the only one, which is restarted
  hangs      engines hang while their processes live
  failing    a node fails now and then, or is slow
  overload   three times as many requests as the nodes can answer
  clients    clients leave in the middle of their answers
  network    the network of a node behind NAT changes or is gone for a while (Linux, as root)

  --streams N    streams at the same time (500)
  --nodes N      nodes (3)
  --tokens N     tokens of each stream (80)
  --rate N       tokens a second of each stream (10)
  --rounds N     how often each is lost (3)
  --clients N    clients that leave (100)
`;

/** Measures and prints. Returns the exit code: 1 when a target is missed. */
export async function faults(args: readonly string[]): Promise<number> {
  const number = (byDefault: number) => ({ type: "string", default: String(byDefault) }) as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      streams: number(500),
      nodes: number(3),
      tokens: number(80),
      rate: number(10),
      rounds: number(3),
      clients: number(100),
    },
  });
  const plan = {
    streams: count("--streams", values.streams),
    nodes: count("--nodes", values.nodes),
    tokens: count("--tokens", values.tokens),
    tokensPerSecond: count("--rate", values.rate),
  };
  const parts: Readonly<Record<string, () => Promise<Section>>> = {
    nodes: () => lostNodes(plan, count("--rounds", values.rounds)),
    routers: () => lostRouters(plan, count("--rounds", values.rounds)),
    hangs: () => hungEngines(plan),
    failing: failingNodes,
    overload,
    clients: () => leavingClients(count("--clients", values.clients)),
    network: changedNetworks,
  };
  const unknown = positionals.find((name) => !Object.hasOwn(parts, name));
  if (unknown !== undefined)
    throw new Error(`There is no part "${unknown}": ${Object.keys(parts).join(", ")}.`);
  const priority = raisePriority() ? "raised priority" : "normal priority";
  print(`faults benchmark; Node ${process.versions.node}, ${priority}\n`);
  let holds = true;
  for (const name of positionals.length > 0 ? positionals : Object.keys(parts)) {
    const { title, rows, targets } = await parts[name]!();
    print(`\n${title}\n\n${rows.length === 0 ? "" : alignColumns(rows)}\n`);
    for (const target of targets) print(`${target.holds ? "holds " : "MISSED"}  ${target.says}\n`);
    holds &&= targets.every((target) => target.holds);
  }
  return holds ? 0 : 1;
}

const print = (text: string): void => void process.stdout.write(text);
