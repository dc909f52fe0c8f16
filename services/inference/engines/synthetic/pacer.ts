import type { Clock, Timer } from "../../../../core/clock.ts";

/** A scheduled callback. */
export interface Paced {
  /** Time on the clock; set by `schedule`. */
  dueAt: number;
  /** Called once per `schedule`, at `dueAt` or later. */
  onDue(now: number): void;
}

/** Many callbacks on one timer, because a timer per token would cost more than the token: a wheel of 1 ms slots. */
export class Pacer {
  readonly #clock: Clock;
  readonly #wheel: Paced[][] = Array.from({ length: wheelSlots }, () => []);
  #tick = 0;
  #scheduled = 0;
  #timer: Timer | undefined;
  #wakeTick = Number.POSITIVE_INFINITY;
  #waking = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Schedules a call at `time` on the clock, or as soon as possible when that has passed. */
  schedule(paced: Paced, time: number): void {
    if (this.#scheduled === 0 && !this.#waking) this.#tick = Math.floor(this.#clock.now());
    paced.dueAt = time;
    const tick = Math.max(Math.ceil(time), this.#tick + 1);
    this.#wheel[tick & wheelMask]!.push(paced);
    this.#scheduled++;
    if (tick < this.#wakeTick && !this.#waking) this.#wakeAt(tick);
  }

  close(): void {
    this.#timer?.cancel();
    this.#waking = true;
  }

  #wakeAt(tick: number): void {
    this.#timer?.cancel();
    this.#wakeTick = tick;
    this.#timer = this.#clock.after(Math.max(0, Math.ceil(tick - this.#clock.now())), this.#onWake);
  }

  readonly #onWake = (): void => {
    const now = this.#clock.now();
    const lastTick = Math.floor(now);
    this.#waking = true;
    // After a stall of more than a round, one round visits every slot.
    this.#tick = Math.max(this.#tick, lastTick - wheelSlots);
    while (this.#tick < lastTick) this.#empty(++this.#tick & wheelMask, now);
    this.#waking = false;
    if (this.#scheduled > 0) this.#wakeAt(this.#nextTick());
    else this.#wakeTick = Number.POSITIVE_INFINITY;
  };

  /** Calls what is due in a slot; later rounds stay. */
  #empty(slot: number, now: number): void {
    const met = this.#wheel[slot]!;
    if (met.length === 0) return;
    const kept: Paced[] = [];
    this.#wheel[slot] = kept;
    for (const paced of met) {
      if (paced.dueAt > now) {
        kept.push(paced);
        continue;
      }
      this.#scheduled--;
      paced.onDue(now);
    }
  }

  #nextTick(): number {
    let tick = this.#tick + 1;
    while (this.#wheel[tick & wheelMask]!.length === 0) tick++;
    return tick;
  }
}

const wheelSlots = 512;
const wheelMask = wheelSlots - 1;
