import type { Clock, Timer } from "../../../core/clock.ts";
import { clientHeartbeatMs } from "../../../core/relay/contract.ts";
import { OwnTime } from "../../../core/relay/own-time.ts";
import { UsualSilence } from "../../../core/relay/usual-silence.ts";
import type { EngineBound } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";

const lookMs = 250;
/** A router that is silent for this time is suspected, unless longer silence is usual, in milliseconds. */
const patienceMs = 3000;

/** How long a router is usually silent; kept for all attachments to it. */
export const usualSilenceOfRouter = (): UsualSilence =>
  new UsualSilence({ promisedMs: clientHeartbeatMs, patienceMs });

/** Notices that a router, to which this node has attached, is silent: its path, or the router, may be gone. */
export class RouterWatch {
  readonly #clock: Clock;
  readonly #own: OwnTime;
  readonly #usual: UsualSilence;
  readonly #timer: Timer;
  #heardAt: number | undefined;

  /**
   * Calls `onSilent` while the router is silent. Routers of earlier versions send no signs of life, which are empty
   * frames, and are not watched.
   */
  constructor(clock: Clock, usual: UsualSilence, onSilent: () => void) {
    this.#clock = clock;
    this.#usual = usual;
    this.#own = new OwnTime(lookMs, clock.now());
    this.#timer = clock.every(lookMs, () => {
      const isPunctual = this.#own.look(clock.now());
      if (isPunctual && this.isSilent) onSilent();
    });
  }

  /** Whether the router is silent for longer than usual. */
  get isSilent(): boolean {
    const now = this.#clock.now();
    return this.#heardAt !== undefined && this.#own.at(now) - this.#heardAt > this.#usual.limitMs(now);
  }

  hear({ starts, cancels }: EngineBound): void {
    const now = this.#clock.now();
    const time = this.#own.at(now);
    if (this.#heardAt !== undefined) this.#usual.learn(time - this.#heardAt, now);
    if (this.#heardAt !== undefined || (starts.length === 0 && cancels.length === 0)) this.#heardAt = time;
  }

  stop(): void {
    this.#timer.cancel();
  }
}
