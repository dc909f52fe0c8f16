import type { EjectionCause } from "../routing/candidate.ts";

/** The first ejection; each further one lasts twice as long. */
const firstEjectionMs = 5000;
const longestEjectionMs = 300_000;
/** Generations that an ejected endpoint is tried with before it returns. */
const trialCount = 3;
/** How long a trial keeps the next one away: a long answer must not keep a healthy endpoint out. */
const trialGapMs = 10_000;

/**
 * Whether an endpoint is ejected:
 *
 *     healthy ──▶ ejected ──time──▶ due ──a generation arrives──▶ on trial ──the third passes──▶ healthy
 *                    ▲               ▲                               │ │
 *                    │               └────────────passes─────────────┘ │
 *                    └──────────fails or is slow, twice as long────────┘
 *
 * One that is due may be picked; on trial it gets no further generation.
 */
export class Ejection {
  #cause: EjectionCause | undefined;
  #reason = "";
  #until = 0;
  /** Ejections since it was last healthy for longer than the latest one took. */
  #count = 0;
  #passed = 0;
  #openTrials = 0;
  #lastTrialAt = Number.NEGATIVE_INFINITY;
  #healthySince = Number.NEGATIVE_INFINITY;

  /** Undefined when it may be picked. */
  causeAt(now: number): EjectionCause | undefined {
    return this.#cause !== undefined && (now < this.#until || this.#isOnTrial(now)) ? this.#cause : undefined;
  }

  /** Whether it has been ejected and has not passed its trials. */
  get isOut(): boolean {
    return this.#cause !== undefined;
  }

  /** A sentence for people. */
  describe(now: number): string {
    const next =
      now < this.#until
        ? `it is ejected for ${Math.ceil(this.#until - now)} ms more`
        : "it is being tried with one generation";
    return `It ${this.#reason}: ${next}.`;
  }

  /** `reason` completes "It …". */
  eject(cause: EjectionCause, reason: string, now: number): void {
    if (this.#cause === undefined && now - this.#healthySince > ejectionMs(this.#count)) this.#count = 0;
    this.#cause = cause;
    this.#reason = reason;
    this.#until = now + ejectionMs(this.#count);
    this.#count += 1;
    this.#passed = 0;
  }

  /** A generation arrives: true when it is a trial, whose end must be reported to `endTrial`. */
  beginTrial(now: number): boolean {
    if (this.#cause === undefined || this.causeAt(now) !== undefined) return false;
    this.#openTrials += 1;
    this.#lastTrialAt = now;
    return true;
  }

  /** `passed`: undefined when the trial shows nothing, as when its caller left. True when the endpoint returns. */
  endTrial(passed: boolean | undefined, now: number): boolean {
    this.#openTrials -= 1;
    if (this.#cause === undefined || now < this.#until) return false;
    if (passed === false) this.eject(this.#cause, this.#reason, now);
    if (passed !== true || ++this.#passed < trialCount) return false;
    this.#cause = undefined;
    this.#healthySince = now;
    return true;
  }

  #isOnTrial(now: number): boolean {
    return this.#openTrials > 0 && now - this.#lastTrialAt < trialGapMs;
  }
}

const ejectionMs = (count: number): number => Math.min(longestEjectionMs, firstEjectionMs * 2 ** count);
