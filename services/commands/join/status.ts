import { type Clock, sleep } from "../../../core/clock.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { Counters } from "../../inference/guard/guarded-engines.ts";
import type { InferenceNode } from "../../inference/index.ts";
import type { StatusLine } from "./status-line.ts";
import type { Totals } from "./totals.ts";

interface StatusOptions {
  readonly node: Pick<InferenceNode, "load" | "models" | "counters" | "trouble">;
  /** Absent: only the totals are saved. */
  readonly line: StatusLine | undefined;
  readonly totals: Totals;
  readonly clock: Clock;
  readonly log: Log;
}

const drawMs = 500;
/** The period of saving, in milliseconds: a crash loses at most this. */
const saveMs = 60_000;

/** Draws the status line and saves the totals until the signal aborts. Never rejects. */
export async function followStatus(options: StatusOptions, signal: AbortSignal): Promise<void> {
  const { node, line, totals, clock, log } = options;
  const rate = new TokenRate();
  let complained = false;
  const save = () => {
    try {
      totals.save(node.counters);
    } catch (error) {
      if (!complained) log.warn({ err: error }, "totals cannot be saved to the data folder");
      complained = true;
    }
  };
  let savedAt = clock.now();
  while (!signal.aborted) {
    const { counters, models, trouble } = node;
    const loads = node.load.current().models;
    line?.show(
      toStatus({
        trouble,
        models: models.length,
        active: sum(loads.map(({ running }) => running)),
        waiting: sum(loads.map(({ waiting }) => waiting)),
        tokensPerSecond: rate.sample(clock.now(), counters.tokens),
        given: counters,
        allTime: totals.with(counters),
      }),
    );
    if (clock.now() - savedAt >= saveMs) {
      save();
      savedAt = clock.now();
    }
    await sleep(clock, line === undefined ? saveMs : drawMs, signal).catch(() => {});
  }
  save();
  line?.end();
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** The window of the rate, in milliseconds. */
export const windowMs = 10_000;

/** Tokens per second in the last ten seconds, from samples of a counter. */
export class TokenRate {
  /** The oldest is the last one before the window, if any. */
  readonly #samples: { atMs: number; tokens: number }[] = [];

  sample(nowMs: number, tokens: number): number {
    this.#samples.push({ atMs: nowMs, tokens });
    while (this.#samples.length > 2 && this.#samples[1]!.atMs <= nowMs - windowMs) this.#samples.shift();
    const oldest = this.#samples[0]!;
    const elapsedMs = nowMs - oldest.atMs;
    // The counter can fall: an engine may correct its count at the end.
    return elapsedMs === 0 ? 0 : Math.max(0, ((tokens - oldest.tokens) * 1000) / elapsedMs);
  }
}

export type Given = Pick<Counters, "answers" | "tokens">;

/** The facts on the status line. */
export interface StatusFacts extends Pick<InferenceNode, "trouble"> {
  readonly models: number;
  readonly active: number;
  readonly waiting: number;
  readonly tokensPerSecond: number;
  /** Since this start. */
  readonly given: Given;
  /** Since the first start; undefined when unknown. */
  readonly allTime: Given | undefined;
}

export function toStatus({
  trouble,
  models,
  active,
  waiting,
  tokensPerSecond,
  given,
  allTime,
}: StatusFacts): string {
  return [
    ...(trouble === undefined ? [] : [trouble.replace(/\.$/, "")]),
    plural(models, "model"),
    `${count(active)} active${waiting === 0 ? "" : `, ${count(waiting)} waiting`}`,
    `${tokensPerSecond < 10 ? tokensPerSecond.toFixed(1) : count(Math.round(tokensPerSecond))} tokens/s`,
    `earned ${plural(given.tokens, "token")} in ${plural(given.answers, "answer")}`,
    ...(allTime === undefined || allTime.answers === given.answers
      ? []
      : [`all time ${count(allTime.tokens)} in ${count(allTime.answers)}`]),
  ].join(" · ");
}

const plural = (number: number, noun: string): string => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

const count = (number: number): string => number.toLocaleString("en-US");
