import { parseArgs } from "node:util";
import { count } from "../count.ts";
import { raisePriority } from "../processes/priority.ts";
import { show, spread } from "../relay/summary.ts";
import { alignColumns } from "../relay/table.ts";
import { type Loss, type LossFigures, loseNode } from "./lose-node.ts";

/** How to call it. */
export const usage = `npm run bench -- failover [options]

What readers notice when a node is lost in the middle of their answers: a registry, a router, a translator and synthetic
nodes, each a process of its own; streams over HTTP; one node is killed or frozen. Beside it, in the same run, the same
streams without a loss.

  --streams N    streams at the same time (500)
  --nodes N      nodes (3)
  --tokens N     tokens of each stream (80)
  --rate N       tokens a second of each stream (10)
  --rounds N     how often (3)
`;

/** What may be added to the time between two tokens, at the 99th percentile, in milliseconds. */
const stallLimitMs: Readonly<Record<Loss, number>> = { SIGKILL: 300, SIGSTOP: 1750 };
const losses = ["SIGKILL", "SIGSTOP"] as const;

/** Measures and prints. Returns the exit code: 1 when a stream fails or differs, or a target is missed. */
export async function failover(args: readonly string[]): Promise<number> {
  const number = (byDefault: number) => ({ type: "string", default: String(byDefault) }) as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      streams: number(500),
      nodes: number(3),
      tokens: number(80),
      rate: number(10),
      rounds: number(3),
    },
  });
  const plan = {
    streams: count("--streams", values.streams),
    nodes: count("--nodes", values.nodes),
    tokens: count("--tokens", values.tokens),
    tokensPerSecond: count("--rate", values.rate),
  };
  const priority = raisePriority() ? "raised priority" : "normal priority";
  print(
    `failover benchmark: ${plan.streams} streams of ${plan.tokens} tokens, ${plan.tokensPerSecond} a second each, on ` +
      `${plan.nodes} nodes; Node ${process.versions.node}, ${priority}\n\n`,
  );
  const rounds = count("--rounds", values.rounds);
  const measured = new Map<Loss, LossFigures[]>(losses.map((loss) => [loss, []]));
  for (let round = 0; round < rounds; round++)
    for (const loss of losses) measured.get(loss)!.push(await loseNode(loss, plan));

  const column = (read: (figures: LossFigures) => number, digits = 0) =>
    losses.map((loss) => show(spread(measured.get(loss)!.map(read)), digits));
  print(
    alignColumns([
      [`median (min–max) of ${rounds}`, "killed", "frozen"],
      ["streams that the lost node was answering", ...column(({ moved }) => moved)],
      ["streams that failed", ...column(({ failed }) => failed)],
      ["streams whose text is not that of an undisturbed run", ...column(({ differing }) => differing)],
      ["longest time without a token, median of all streams, ms", ...column(({ gapsMs }) => at(gapsMs, 0.5))],
      ["  99th percentile, ms", ...column(({ gapsMs }) => at(gapsMs, 0.99))],
      ["  the longest, ms", ...column(({ gapsMs }) => at(gapsMs, 1))],
      [
        "the same without a loss, 99th percentile, ms",
        ...column(({ undisturbedGapsMs }) => at(undisturbedGapsMs, 0.99)),
      ],
      ["added at the 99th percentile, ms", ...column(added)],
    ]),
  );

  print("\nTargets\n\n");
  const verdicts = losses.map((loss) => {
    const figures = measured.get(loss)!;
    const whole = figures.every(({ failed, differing }) => failed === 0 && differing === 0);
    const stall = spread(figures.map(added)).median;
    return { loss, whole, stall, quick: stall <= stallLimitMs[loss] };
  });
  print(
    alignColumns(
      verdicts.flatMap(({ loss, whole, stall, quick }) => [
        [`${whole ? "holds " : "MISSED"}  ${loss}: no stream fails, no token differs`, ""],
        [
          `${quick ? "holds " : "MISSED"}  ${loss}: added stall p99 <= ${stallLimitMs[loss]} ms`,
          stall.toFixed(0),
        ],
      ]),
    ),
  );
  return verdicts.every(({ whole, quick }) => whole && quick) ? 0 : 1;
}

/** How much longer the longest wait is than without a loss, at the 99th percentile. */
const added = ({ gapsMs, undisturbedGapsMs }: LossFigures): number =>
  at(gapsMs, 0.99) - at(undisturbedGapsMs, 0.99);

const at = (ascending: readonly number[], share: number): number =>
  ascending[Math.min(ascending.length - 1, Math.floor(share * ascending.length))] ?? 0;

const print = (text: string): void => void process.stdout.write(text);
