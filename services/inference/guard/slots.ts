import type { Clock } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";

/** A generation's turn: queued, or running. */
export interface SlotTicket {
  readonly running: boolean;
  /** Frees the slot, or leaves the queue; safe to repeat. */
  release(): void;
}

interface Ticket extends SlotTicket {
  running: boolean;
  runningSince: number;
  readonly onRunning: () => void;
}

interface SlotsOptions {
  readonly model: string;
  /** Generations that may run at the same time. */
  readonly slots: number;
  readonly queueLimit: number;
  readonly clock: Clock;
  readonly onChange: () => void;
}

/**
 * The slots of one model and their bounded queues. Resumed answers come first, and more of them may wait:
 * their readers are mid-sentence. Callbacks, not promises, pass a freed slot on in the same turn.
 */
export class Slots {
  readonly #options: SlotsOptions;
  readonly #queue = new Set<Ticket>();
  readonly #resumed = new Set<Ticket>();
  #slots: number;
  #running = 0;
  #meanHoldMs = 1000;

  constructor(options: SlotsOptions) {
    this.#options = options;
    this.#slots = options.slots;
  }

  get slots(): number {
    return this.#slots;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#resumed.size + this.#queue.size;
  }

  /** A ticket, which runs at once or calls `onRunning` on its turn. Throws `saturated` when the queue is full. */
  take(onRunning: () => void, isResumed = false): SlotTicket {
    const queue = isResumed ? this.#resumed : this.#queue;
    const limit = this.#options.queueLimit * (isResumed ? continuedShare : 1);
    if (this.#running >= this.#slots && queue.size >= limit)
      throw new MeshError(
        "saturated",
        `All ${this.#slots} slots for \`${this.#options.model}\` on this node are busy and ${queue.size} generations wait already. Try again later.`,
        { retryAfterMs: this.#retryAfterMs() },
      );
    const ticket: Ticket = {
      running: false,
      runningSince: 0,
      onRunning,
      release: () => this.#release(ticket),
    };
    if (this.#running < this.#slots) this.#run(ticket);
    else queue.add(ticket);
    this.#options.onChange();
    return ticket;
  }

  /** Changes the number of slots; running generations continue. */
  resize(slots: number): void {
    if (slots === this.#slots) return;
    this.#slots = slots;
    this.#moveUp();
    this.#options.onChange();
  }

  #release(ticket: Ticket): void {
    if (ticket.running) {
      ticket.running = false;
      this.#running--;
      this.#meanHoldMs += (this.#options.clock.now() - ticket.runningSince - this.#meanHoldMs) * holdWeight;
      this.#moveUp();
    } else if (!this.#queue.delete(ticket) && !this.#resumed.delete(ticket)) return;
    this.#options.onChange();
  }

  #moveUp(): void {
    while (this.#running < this.#slots) {
      const queue = this.#resumed.size > 0 ? this.#resumed : this.#queue;
      const [next] = queue;
      if (next === undefined) return;
      queue.delete(next);
      this.#run(next);
      next.onRunning();
    }
  }

  #run(ticket: Ticket): void {
    this.#running++;
    ticket.running = true;
    ticket.runningSince = this.#options.clock.now();
  }

  /** About when the queue will have moved by one, within the 1 to 30 s that OpenAI's SDKs honour. */
  #retryAfterMs(): number {
    return Math.min(30_000, Math.max(1000, this.#meanHoldMs / this.#slots));
  }
}

/** How many times more resumed answers than new ones may wait. */
const continuedShare = 8;

/** Weight of the latest generation in the mean hold time. */
const holdWeight = 0.1;
