import { show, spread } from "../relay/summary.ts";
import { type Loss, type LossFigures, type LossPlan, loseNode } from "./lose-node.ts";
import { at, type Section } from "./section.ts";

/** What may be added to the time between two tokens, at the 99th percentile, in milliseconds. */
const stallLimitMs: Readonly<Record<Loss, number>> = { SIGKILL: 300, SIGSTOP: 1750 };
const losses = ["SIGKILL", "SIGSTOP"] as const;

/** Nodes that are killed or frozen in the middle of streams. */
export async function lostNodes(plan: LossPlan, rounds: number): Promise<Section> {
  const measured = new Map<Loss, LossFigures[]>(losses.map((loss) => [loss, []]));
  for (let round = 0; round < rounds; round++)
    for (const loss of losses) measured.get(loss)!.push(await loseNode(loss, plan));
  const column = (read: (figures: LossFigures) => number, digits = 0) =>
    losses.map((loss) => show(spread(measured.get(loss)!.map(read)), digits));
  return {
    title:
      `${plan.streams} streams of ${plan.tokens} tokens, ${plan.tokensPerSecond} a second each, on ${plan.nodes} nodes, ` +
      "one of which is lost",
    rows: [
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
    ],
    targets: losses.flatMap((loss) => {
      const figures = measured.get(loss)!;
      const stall = spread(figures.map(added)).median;
      return [
        {
          holds: figures.every(({ failed, differing }) => failed === 0 && differing === 0),
          says: `${loss}: no stream fails, no token differs`,
        },
        {
          holds: stall <= stallLimitMs[loss],
          says: `${loss}: added stall p99 <= ${stallLimitMs[loss]} ms: ${stall.toFixed(0)}`,
        },
      ];
    }),
  };
}

/** How much longer the longest wait is than without a loss, at the 99th percentile. */
const added = ({ gapsMs, undisturbedGapsMs }: LossFigures): number =>
  at(gapsMs, 0.99) - at(undisturbedGapsMs, 0.99);
