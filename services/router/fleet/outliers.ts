import type { EjectionCause } from "../routing/candidate.ts";
import type { OutcomeCounts } from "./recent-outcomes.ts";

/** What an endpoint has done of late. */
export interface Recent extends OutcomeCounts {
  /** Times to a first token, in milliseconds, of generations that found a free slot. */
  readonly firstTokenMs: readonly number[];
  /** How long those have waited that have no first token yet. */
  readonly waitingMs: readonly number[];
  /** Milliseconds per token, also of answers that are being given. */
  readonly tokenMs: readonly number[];
}

/** Why an endpoint differs from its peers; `reason` completes "It …". */
export interface Verdict {
  readonly cause: EjectionCause;
  readonly reason: string;
}

/** Fewer generations or failures show nothing. */
const leastTotal = 8;
const leastFailed = 3;
/** Peers with fewer generations or samples are not compared with. */
const leastOfPeer = 3;
/** An endpoint fails at least this share more often than its peers, and this many standard deviations. */
const failureMargin = 0.15;
const deviations = 3;
/** Rare failures happen everywhere: peers are taken to fail at least this often. */
const usualFailureRate = 0.02;
/** A slow one takes this many times as long as its peers, and longer by this much, in milliseconds. */
const slowFactor = 4;
const firstTokenMarginMs = 500;
const tokenMarginMs = 50;
/** So many slow samples, and more than half of all. */
const leastSlow = 3;

/** What is usual among the endpoints of one model. Reads each of them once. */
export class Peers {
  readonly #failureRates: Float64Array;
  readonly #firstTokenMs: Float64Array;
  readonly #tokenMs: Float64Array;

  constructor(all: readonly Recent[]) {
    this.#failureRates = sorted(all.map(rateOf));
    this.#firstTokenMs = sorted(all.map(({ firstTokenMs }) => usual(firstTokenMs)));
    this.#tokenMs = sorted(all.map(({ tokenMs }) => usual(tokenMs)));
  }

  /**
   * Why an endpoint among them is an outlier; undefined when it is none. As in Envoy, its success rate is compared with
   * what is usual less a few standard deviations. But what is usual is the median of the others, and the deviation that
   * of chance: among n hosts none is further from the mean than √(n−1) standard deviations of the hosts, so in a small
   * fleet there would be no outlier.
   */
  judge(own: Recent): Verdict | undefined {
    return this.#judgeFailures(own) ?? this.judgeTimes(own);
  }

  /** The part about slowness; `least`: how many slow samples it takes. */
  judgeTimes(own: Recent, least = leastSlow): Verdict | undefined {
    const firstTokenMs = middleWithout(this.#firstTokenMs, usual(own.firstTokenMs), "upper");
    if (firstTokenMs !== undefined) {
      const limitMs = Math.max(slowFactor * firstTokenMs, firstTokenMs + firstTokenMarginMs);
      const waiting = own.waitingMs.filter((ms) => ms > limitMs);
      const slowMs = slowOf([...own.firstTokenMs, ...waiting], limitMs, least);
      if (slowMs !== undefined) return slow("to a first token", slowMs, firstTokenMs);
    }
    const tokenMs = middleWithout(this.#tokenMs, usual(own.tokenMs), "upper");
    if (tokenMs === undefined) return undefined;
    const limitMs = Math.max(slowFactor * tokenMs, tokenMs + tokenMarginMs);
    const slowMs = slowOf(own.tokenMs, limitMs, least);
    return slowMs === undefined ? undefined : slow("per token", slowMs, tokenMs);
  }

  #judgeFailures(own: Recent): Verdict | undefined {
    const { total, failed } = own;
    if (failed < leastFailed || total < leastTotal) return undefined;
    const peers = middleWithout(this.#failureRates, rateOf(own), "lower");
    if (peers === undefined) return undefined;
    const expected = Math.min(1, Math.max(peers, usualFailureRate));
    const chance = Math.sqrt((expected * (1 - expected)) / total);
    // One failure less, because few failures spread more widely than the normal distribution has it.
    if ((failed - 1) / total - peers < Math.max(failureMargin, deviations * chance)) return undefined;
    const share = (rate: number) => `${Math.round(100 * rate)} %`;
    return {
      cause: "failing",
      reason: `failed or refused ${failed} of its last ${total} generations, and its peers usually ${share(peers)}`,
    };
  }
}

const rateOf = ({ total, failed }: OutcomeCounts): number | undefined =>
  total < leastOfPeer ? undefined : failed / total;

const usual = (samples: readonly number[]): number | undefined =>
  samples.length < leastOfPeer ? undefined : middle(sorted(samples), "upper");

const slow = (what: string, slowMs: number, usualMs: number): Verdict => ({
  cause: "slow",
  reason: `lately took ${round(slowMs)} ms ${what}, and its peers usually ${round(usualMs)} ms`,
});

/** The median of the slow samples when there are enough of them. */
function slowOf(samples: readonly number[], limitMs: number, least: number): number | undefined {
  const beyond = samples.filter((ms) => ms > limitMs);
  if (beyond.length < least || 2 * beyond.length <= samples.length) return undefined;
  return middle(sorted(beyond), "lower");
}

const sorted = (values: readonly (number | undefined)[]): Float64Array =>
  Float64Array.from(values.filter((value) => value !== undefined)).sort();

type Side = "lower" | "upper";

/** The median; of two in the middle the lower or the upper. */
function middle(values: Float64Array, side: Side): number | undefined {
  return values[side === "lower" ? (values.length - 1) >> 1 : values.length >> 1];
}

/** The median of sorted values once one of them is taken out; undefined when none is left. */
function middleWithout(values: Float64Array, own: number | undefined, side: Side): number | undefined {
  if (own === undefined) return middle(values, side);
  const left = values.length - 1;
  if (left < 1) return undefined;
  const at = side === "lower" ? (left - 1) >> 1 : left >> 1;
  return (values[at] as number) < own ? values[at] : values[at + 1];
}

const round = (ms: number): number => (ms < 10 ? Math.round(10 * ms) / 10 : Math.round(ms));
