import type { Clock } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";

/** A place among the generations of a model: in the queue at first, or running. */
export interface SlotTicket {
  /** False while it waits. */
  readonly running: boolean;
  /** Gives the place up, whether it runs or waits; the next in the queue moves up at once. Harmless again. */
  release(): void;
}

/** What a model's slots are made of. */
export interface SlotsOptions {
  /** For messages. */
  readonly model: string;
  /** Generations that may run at the same time. */
  readonly slots: number;
  /** New generations that may wait. */
  readonly queueLimit: number;
  readonly clock: Clock;
  /** Called after each change of `running` or `waiting`. */
  readonly onChange: () => void;
}

/**
 * The slots of one model and the queue before them: first come, first served, bounded. Answers that another node has
 * begun come before those, and more of them may wait: their readers are in the middle of a sentence, and a node that is
 * lost leaves many at once. Callbacks instead of promises, so that a slot passes on in the same turn in which it is given up.
 */
export class Slots {
  readonly #options: SlotsOptions;
  readonly #queue = new Set<QueuedTicket>();
  readonly #begunElsewhere = new Set<QueuedTicket>();
  #slots: number;
  #running = 0;
  #meanHoldMs = 1000;

  constructor(options: SlotsOptions) {
    this.#options = options;
    this.#slots = options.slots;
  }

  /** Generations that may run at the same time. */
  get slots(): number {
    return this.#slots;
  }

  /** Generations that run. */
  get running(): number {
    return this.#running;
  }

  /** Generations that wait. */
  get waiting(): number {
    return this.#begunElsewhere.size + this.#queue.size;
  }

  /**
   * Takes a ticket. When a slot is free the ticket runs at once, else `onRunning` is called when its turn comes;
   * `begunElsewhere`: for an answer that this node continues. Throws `saturated` when its queue is full.
   */
  take(onRunning: () => void, begunElsewhere = false): SlotTicket {
    const queue = begunElsewhere ? this.#begunElsewhere : this.#queue;
    const limit = this.#options.queueLimit * (begunElsewhere ? continuedShare : 1);
    if (this.#running >= this.#slots && queue.size >= limit)
      throw new MeshError(
        "saturated",
        `All ${this.#slots} slots for \`${this.#options.model}\` on this node are busy and ${queue.size} generations wait already. Try again later.`,
        { retryAfterMs: this.#retryAfterMs() },
      );
    const ticket = new QueuedTicket(onRunning, this.#onRelease);
    if (this.#running < this.#slots) this.#run(ticket);
    else queue.add(ticket);
    this.#options.onChange();
    return ticket;
  }

  /** Changes the number of slots; what runs goes on. */
  resize(slots: number): void {
    if (slots === this.#slots) return;
    this.#slots = slots;
    this.#moveUp();
    this.#options.onChange();
  }

  readonly #onRelease = (ticket: QueuedTicket): void => {
    if (ticket.running) {
      this.#running--;
      this.#meanHoldMs += (this.#options.clock.now() - ticket.runningSince - this.#meanHoldMs) * holdWeight;
      this.#moveUp();
    } else if (!this.#queue.delete(ticket)) this.#begunElsewhere.delete(ticket);
    this.#options.onChange();
  };

  #moveUp(): void {
    while (this.#running < this.#slots) {
      const queue = this.#begunElsewhere.size > 0 ? this.#begunElsewhere : this.#queue;
      const [next] = queue;
      if (next === undefined) return;
      queue.delete(next);
      this.#run(next);
      next.onRunning();
    }
  }

  #run(ticket: QueuedTicket): void {
    this.#running++;
    ticket.running = true;
    ticket.runningSince = this.#options.clock.now();
  }

  /** About when the queue will have moved by one: OpenAI's SDKs honour 1 to 30 s without complaint. */
  #retryAfterMs(): number {
    return Math.min(30_000, Math.max(1000, this.#meanHoldMs / this.#slots));
  }
}

/** As many times more answers that another node has begun may wait than new ones. */
const continuedShare = 8;

/** How much the latest generation counts in the mean time that a slot is held. */
const holdWeight = 0.1;

class QueuedTicket implements SlotTicket {
  readonly onRunning: () => void;
  readonly #onRelease: (ticket: QueuedTicket) => void;
  #released = false;
  running = false;
  runningSince = 0;

  constructor(onRunning: () => void, onRelease: (ticket: QueuedTicket) => void) {
    this.onRunning = onRunning;
    this.#onRelease = onRelease;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#onRelease(this);
  }
}
