import type { Clock } from "../../../../../core/clock.ts";
import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { GenerationEvent } from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { signOfLife } from "../../../events.ts";

/** How often a silent server is asked whether it is still there; under half of what the router's patience is. */
export const beatMs = 400;
/** How long a server may be silent before the first token, in milliseconds; prompts are long and queues too. */
export const firstTokenLimitMs = 240_000;
/** The same between two tokens. */
export const stallLimitMs = 30_000;

/** What a vigil needs. */
export interface VigilOptions {
  readonly clock: Clock;
  /** For messages. */
  readonly model: string;
  /** Whether the server answers at all right now. */
  readonly isAlive: () => Promise<boolean>;
}

/**
 * Keeps watch over one answer while nothing comes, and gives its signs of life.
 *
 * The mesh takes a generation away from a node that shows no sign of life for 1.5 s, and an engine must not show one
 * unless it has really moved. What a server behind HTTP does between two events cannot be seen, and most send
 * nothing at all while they read a prompt, queue a request inside, or hold the text of a tool call back. So this
 * counts as having moved:
 * - anything that the server sends, comments and llama-server's progress of the prompt included;
 * - while it sends nothing: that it answers a cheap question beside it, asked every 400 ms. A process that is gone,
 *   frozen or cut off does not, so its generations move to another node as soon as any other's do.
 *
 * The second shows the process alive, not this generation; so it counts for a limited time only, four minutes before
 * the first token and half a minute after it. Then the answer has stalled and fails.
 */
export class Vigil {
  readonly #options: VigilOptions;
  #movedAt: number;
  #shownAt: number;
  #limitMs = firstTokenLimitMs;

  constructor(options: VigilOptions) {
    this.#options = options;
    this.#movedAt = options.clock.now();
    this.#shownAt = this.#movedAt;
  }

  /** The server has sent something. */
  moved(): void {
    this.#movedAt = this.#options.clock.now();
  }

  /** An event has gone out; `isToken`: it is part of the answer. */
  shown(isToken: boolean): void {
    this.#shownAt = this.#options.clock.now();
    if (isToken) this.#limitMs = stallLimitMs;
  }

  /** True when the server has moved but nothing has gone out for a while. */
  get isDue(): boolean {
    return this.#movedAt - this.#shownAt >= beatMs / 2;
  }

  /** Waits for `work`, giving signs of life meanwhile; throws `engine_failed` when it takes too long. */
  async *over<T>(work: Promise<T>): AsyncGenerator<GenerationEvent, T> {
    let settled = false;
    const settle = () => {
      settled = true;
    };
    const done = work.then(settle, settle);
    for (;;) {
      await this.#beatOr(done);
      if (settled) return await work;
      const silentMs = this.#options.clock.now() - this.#movedAt;
      if (silentMs >= this.#limitMs)
        throw new MeshError(
          "engine_failed",
          `The engine of \`${this.#options.model}\` sent nothing for ${Math.round(silentMs / 1000)} s.`,
        );
      const isAlive = await Promise.race([done.then(() => false), this.#options.isAlive()]);
      if (!isAlive) continue;
      this.shown(false);
      yield signOfLife();
    }
  }

  async #beatOr(done: Promise<void>): Promise<void> {
    const beat = Promise.withResolvers<void>();
    const timer = this.#options.clock.after(beatMs, beat.resolve);
    await Promise.race([done, beat.promise]);
    timer.cancel();
  }
}
