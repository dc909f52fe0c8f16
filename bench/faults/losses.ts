import { show, spread } from "../relay/summary.ts";
import { type Loss, type LossFigures, type LossPlan, type Lost, loseProcess } from "./lose-process.ts";
import { at, type Section } from "./section.ts";

/** A way to lose processes, and what of it is promised of the stall: nothing while a process comes back. */
interface Case {
  readonly name: string;
  readonly loss: Loss;
  readonly lost: Lost;
  readonly stallMs: number | undefined;
}

const nodeCases: readonly Case[] = [
  { name: "killed", loss: "SIGKILL", lost: "node", stallMs: 300 },
  { name: "frozen", loss: "SIGSTOP", lost: "node", stallMs: 1750 },
];

const routerCases: readonly Case[] = [
  { name: "killed", loss: "SIGKILL", lost: "router", stallMs: 300 },
  { name: "frozen", loss: "SIGSTOP", lost: "router", stallMs: 2000 },
  { name: "killed with a node", loss: "SIGKILL", lost: "router and node", stallMs: 300 },
  { name: "frozen with a node", loss: "SIGSTOP", lost: "router and node", stallMs: 2000 },
  { name: "the only one, restarted", loss: "SIGKILL", lost: "only router", stallMs: undefined },
];

/** Nodes that are killed or frozen in the middle of streams. */
export const lostNodes = (plan: LossPlan, rounds: number): Promise<Section> =>
  measure("one of which is lost", nodeCases, plan, rounds);

/** Routers that are killed or frozen in the middle of streams. */
export const lostRouters = (plan: LossPlan, rounds: number): Promise<Section> =>
  measure("whose router is lost", routerCases, plan, rounds);

async function measure(
  what: string,
  cases: readonly Case[],
  plan: LossPlan,
  rounds: number,
): Promise<Section> {
  const measured = cases.map((): LossFigures[] => []);
  for (let round = 0; round < rounds; round++)
    for (const [index, { loss, lost }] of cases.entries())
      measured[index]!.push(await loseProcess(loss, lost, plan));
  const column = (read: (figures: LossFigures) => number, digits = 0) =>
    measured.map((figures) => show(spread(figures.map(read)), digits));
  return {
    title:
      `${plan.streams} streams of ${plan.tokens} tokens, ${plan.tokensPerSecond} a second each, on ${plan.nodes} nodes, ` +
      what,
    rows: [
      [`median (min–max) of ${rounds}`, ...cases.map(({ name }) => name)],
      ["streams that it had", ...column(({ moved }) => moved)],
      ["streams that failed", ...column(({ failed }) => failed)],
      [
        "streams whose text or usage is not that of an undisturbed run",
        ...column(({ differing }) => differing),
      ],
      ["longest time without a token, median of all streams, ms", ...column(({ gapsMs }) => at(gapsMs, 0.5))],
      ["  99th percentile, ms", ...column(({ gapsMs }) => at(gapsMs, 0.99))],
      ["  the longest, ms", ...column(({ gapsMs }) => at(gapsMs, 1))],
      [
        "the same without a loss, 99th percentile, ms",
        ...column(({ undisturbedGapsMs }) => at(undisturbedGapsMs, 0.99)),
      ],
      ["added at the 99th percentile, ms", ...column(added)],
    ],
    targets: cases.flatMap(({ name, stallMs }, index) => {
      const figures = measured[index]!;
      const stall = spread(figures.map(added)).median;
      const holds = figures.every(({ failed, differing }) => failed === 0 && differing === 0);
      const whole = { holds, says: `${name}: no stream fails, no token differs` };
      if (stallMs === undefined) return [whole];
      const says = `${name}: added stall p99 <= ${stallMs} ms: ${stall.toFixed(0)}`;
      return [whole, { holds: stall <= stallMs, says }];
    }),
  };
}

/** How much longer the longest wait is than without a loss, at the 99th percentile. */
const added = ({ gapsMs, undisturbedGapsMs }: LossFigures): number =>
  at(gapsMs, 0.99) - at(undisturbedGapsMs, 0.99);
