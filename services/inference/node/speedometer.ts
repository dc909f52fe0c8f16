import type { AnswerRecord } from "../guard/guarded-answer.ts";

/** Weight of a new answer in the average. */
const weight = 0.2;
/** Shorter answers say little about speed. */
const leastTokens = 8;
/** The change of a speed that is worth reporting to everything that watches the registry. */
const reportedChange = 0.25;

/** Measures how fast each model answers, in tokens per second of one answer, and reports it in steps. */
export class Speedometer {
  readonly #measured = new Map<string, number>();
  readonly #reported = new Map<string, number>();

  /** Learns from an ended answer, from its first token to its last. */
  learn({ generation, usage, firstTokenMs, durationMs }: AnswerRecord): void {
    if (usage === undefined || firstTokenMs === undefined) return;
    const tokens = usage.completionTokens - (generation.resume?.tokenIds.length ?? 0);
    const answeringMs = durationMs - firstTokenMs;
    if (tokens < leastTokens || answeringMs <= 0) return;
    const speed = (1000 * (tokens - 1)) / answeringMs;
    const known = this.#measured.get(generation.model);
    this.#measured.set(generation.model, known === undefined ? speed : known + weight * (speed - known));
  }

  /** Updates the reported speeds; true when one has changed. */
  settle(): boolean {
    let changed = false;
    for (const [model, speed] of this.#measured) {
      const reported = this.#reported.get(model);
      if (reported !== undefined && Math.abs(speed - reported) < reportedChange * reported) continue;
      this.#reported.set(model, Number(speed.toPrecision(3)));
      changed = true;
    }
    return changed;
  }

  /** The reported speed; undefined before the model has answered at some length. */
  speedOf(model: string): number | undefined {
    return this.#reported.get(model);
  }
}
