import { parseArgs } from "node:util";
import { count } from "../count.ts";
import { raisePriority } from "../processes/priority.ts";
import { show, spread } from "../relay/summary.ts";
import { alignColumns } from "../relay/table.ts";
import { type FleetFigures, measureFleet } from "./fleet.ts";
import { scenes, timePick } from "./pick.ts";

/** How to call it. */
export const usage = `npm run bench -- fleet [options]

What many nodes cost: real synthetic nodes that attach to a real router and registry (memory, what the registry
tells, CPU while idle, CPU for a request), beside a fleet of ten; and the time that the router's choice takes.

  --nodes N      nodes of the large fleet (1000)
  --requests N   short generations asked of each fleet (4000)
  --rounds N     how often each choice is timed (9)
`;

/** The most that a choice among the nodes may take, in microseconds. */
const pickLimitMicros = 100;
const small = 10;

/** Measures and prints. Returns the exit code: 1 when a choice takes too long. */
export async function fleet(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      nodes: { type: "string", default: "1000" },
      requests: { type: "string", default: "4000" },
      rounds: { type: "string", default: "9" },
    },
  });
  const nodes = count("--nodes", values.nodes);
  const requests = count("--requests", values.requests);
  const rounds = count("--rounds", values.rounds);
  const priority = raisePriority() ? "raised priority" : "normal priority";
  process.stdout.write(`fleet benchmark: ${nodes} nodes, Node ${process.versions.node}, ${priority}\n`);

  const picks = scenes.map((scene) => {
    const times = [small, nodes].map((size) =>
      spread(Array.from({ length: rounds }, () => timePick(scene, size, 2000))),
    );
    return { scene, times };
  });
  print(`\nThe router's choice: a look for room and the pick, µs, median (min–max) of ${rounds}\n\n`);
  print(
    alignColumns([
      ["", `${small} nodes`, `${nodes} nodes`],
      ...picks.map(({ scene, times }) => [scene.name, ...times.map((time) => show(time))]),
    ]),
  );

  print("\nA fleet of real nodes, a registry and a router\n\n");
  const figures = [await measureFleet(small, requests), await measureFleet(nodes, requests)];
  print(toTable(figures));

  const [few, many] = figures as [FleetFigures, FleetFigures];
  const slowest = Math.max(...picks.map(({ times }) => times[1]!.median));
  const holds = slowest < pickLimitMicros;
  print("\nTargets\n\n");
  print(
    alignColumns([
      [`${holds ? "holds " : "MISSED"}  a pick among ${nodes}: < ${pickLimitMicros} µs`, slowest.toFixed(1)],
      [
        `        CPU of a request, ${nodes} nodes over ${small}`,
        `${(many.requestMicros / few.requestMicros).toFixed(2)} x`,
      ],
    ]),
  );
  return holds ? 0 : 1;
}

function toTable(figures: readonly FleetFigures[]): string {
  const row = (name: string, read: (figures: FleetFigures) => number, digits = 1) => [
    name,
    ...figures.map((each) => read(each).toFixed(digits)),
  ];
  return alignColumns([
    ["", ...figures.map((each) => `${each.nodes} nodes`)],
    row("all joined and usable after, s", ({ joinedMs }) => joinedMs / 1000),
    row("memory of the registry per node, KiB", ({ memoryKib }) => memoryKib.registry),
    row("memory of the router per node, KiB", ({ memoryKib }) => memoryKib.router),
    row("memory of a node beside others in one process, KiB", ({ memoryKib }) => memoryKib.node),
    row("told to a watch while they joined, changes", ({ joining }) => joining.changes, 0),
    row(
      "told to a watch while they joined, bytes per node",
      ({ joining, nodes }) => joining.bytes / nodes,
      0,
    ),
    row("told to a watch while idle, changes a second", ({ idling }) => idling.changes),
    row("a snapshot, bytes per node", ({ snapshotBytes, nodes }) => snapshotBytes / nodes, 0),
    row("CPU of the idle registry, µs a second and node", ({ idleMicros }) => idleMicros.registry),
    row("CPU of the idle router, µs a second and node", ({ idleMicros }) => idleMicros.router),
    row("CPU of the router for a request of 8 tokens, µs", ({ requestMicros }) => requestMicros),
  ]);
}

const print = (text: string): void => void process.stdout.write(text);
