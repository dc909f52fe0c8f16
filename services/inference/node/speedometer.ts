import type { AnswerRecord } from "../guard/guarded-answer.ts";

/** How much a new answer counts in the average. */
const weight = 0.2;
/** Shorter answers say little of the pace. */
const leastTokens = 8;
/** How much a speed has to change before it is told anew: each telling goes to everybody who watches the registry. */
const tellingChange = 0.25;

/** Measures how fast each model answers here, in tokens per second of one answer, and tells it in steps. */
export class Speedometer {
  readonly #measured = new Map<string, number>();
  readonly #told = new Map<string, number>();

  /** Learns from an answer that has ended: from its first token to its last. */
  learn({ generation, usage, firstTokenMs, durationMs }: AnswerRecord): void {
    if (usage === undefined || firstTokenMs === undefined) return;
    const tokens = usage.completionTokens - (generation.resume?.tokenIds.length ?? 0);
    const answeringMs = durationMs - firstTokenMs;
    if (tokens < leastTokens || answeringMs <= 0) return;
    const speed = (1000 * (tokens - 1)) / answeringMs;
    const known = this.#measured.get(generation.model);
    this.#measured.set(generation.model, known === undefined ? speed : known + weight * (speed - known));
  }

  /** Decides what is told from now on. True when that differs from what was told before. */
  settle(): boolean {
    let changed = false;
    for (const [model, speed] of this.#measured) {
      const told = this.#told.get(model);
      if (told !== undefined && Math.abs(speed - told) < tellingChange * told) continue;
      this.#told.set(model, Number(speed.toPrecision(3)));
      changed = true;
    }
    return changed;
  }

  /** What is told of a model; undefined before it has answered at some length. */
  speedOf(model: string): number | undefined {
    return this.#told.get(model);
  }
}
