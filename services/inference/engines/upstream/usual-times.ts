import type { Clock } from "../../../../core/clock.ts";
import { sizeOfPrompt } from "../../../../core/generation/usage-bounds.ts";
import type { Generation } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";

/** The least times after which a server is suspected, in milliseconds: before its first token, and between two. */
const beginFloorMs = 5000;
const gapFloorMs = 4000;
/** Fewer samples show nothing. */
const leastSamples = 3;
/** How long a time to the first token is believed, in milliseconds: an idle server may unload the model. */
const freshMs = 120_000;
/** Deviations from the mean that are usual, as in TCP's retransmission timer (RFC 6298). */
const deviations = 4;
/** Shorter prompts take no less time than these, in bytes. */
const shortPromptBytes = 4096;
/** The most kinds of prompts that are kept apart. */
const kindLimit = 1000;

/** What a time usually is: a moving mean and deviation, as in RFC 6298. */
class UsualTime {
  #mean = 0;
  #deviation = 0;
  #samples = 0;
  lastAt = Number.NEGATIVE_INFINITY;

  learn(ms: number, now: number): void {
    this.lastAt = now;
    this.#samples += 1;
    if (this.#samples === 1) {
      this.#mean = ms;
      this.#deviation = ms / 2;
      return;
    }
    this.#deviation += (Math.abs(ms - this.#mean) - this.#deviation) / 4;
    this.#mean += (ms - this.#mean) / 8;
  }

  /** The longest time that is usual; undefined while it is not known. */
  get ms(): number | undefined {
    return this.#samples < leastSamples ? undefined : this.#mean + deviations * this.#deviation;
  }
}

/** How long a server usually takes, by model and by the size and kind of the prompt. */
export class UsualTimes {
  readonly #clock: Clock;
  readonly #begins = new Map<string, UsualTime>();
  readonly #gaps = new Map<string, UsualTime>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The times of one generation. */
  of(generation: Generation): GenerationTimes {
    const { model, tools, embedding } = generation;
    const bytes = sizeOfPrompt(generation);
    const size = Math.max(0, Math.ceil(Math.log2(Math.max(1, bytes / shortPromptBytes))));
    // Servers may send a call only when it is complete, and inputs to embed have no first token.
    const kind = embedding !== undefined ? "embedding" : tools.length > 0 ? "tools" : "text";
    const now = () => this.#clock.now();
    const begin = timeOf(this.#begins, `${kind} ${size} ${model}`);
    const gap = timeOf(this.#gaps, model);
    return {
      get beginMs() {
        if (begin.ms === undefined || now() - begin.lastAt > freshMs) return Number.POSITIVE_INFINITY;
        return begin.ms + beginFloorMs;
      },
      get gapMs() {
        return Math.max(gapFloorMs, gap.ms ?? 0);
      },
      learnBegin: (ms) => begin.learn(ms, now()),
      learnGap: (ms) => gap.learn(ms, now()),
    };
  }
}

/** What is usual for one generation, in milliseconds. */
export interface GenerationTimes {
  /** From the request to the first token, with a margin; infinite while it is not known. */
  readonly beginMs: number;
  /** Between two pieces of an answer, with a margin. */
  readonly gapMs: number;
  learnBegin(ms: number): void;
  learnGap(ms: number): void;
}

function timeOf(times: Map<string, UsualTime>, key: string): UsualTime {
  const known = times.get(key);
  if (known !== undefined) return known;
  if (times.size >= kindLimit) times.clear();
  const time = new UsualTime();
  times.set(key, time);
  return time;
}
