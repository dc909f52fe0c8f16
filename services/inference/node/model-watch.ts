import { type Clock, sleep } from "../../../core/clock.ts";
import type { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { AnswerRecord } from "../guard/guarded-answer.ts";
import type { GuardedEngines } from "../guard/guarded-engines.ts";

/** How often the engines are asked what they serve, in milliseconds. */
const modelPollMs = 10_000;

/** Loads all engines and returns the failures of some. Throws the first failure when none serves anything. */
export async function loadModels(
  guard: GuardedEngines,
  log: Log,
  signal: AbortSignal,
): Promise<readonly MeshError[]> {
  const { failures, leftOut } = await guard.refresh(signal);
  const [failure] = failures;
  const isEmpty = guard.models.length === 0;
  if (failure !== undefined && isEmpty) throw failure;
  warnOf(failures, log);
  warnOfModels(leftOut, log);
  if (isEmpty) log.warn("the engines serve no model yet");
  return failures;
}

/** Calls `onChange` when models or their speeds have changed, until the signal aborts; then it rejects. */
export async function followModels(
  guard: GuardedEngines,
  speeds: Speedometer,
  { clock, log, onChange }: { readonly clock: Clock; readonly log: Log; readonly onChange: () => void },
  signal: AbortSignal,
): Promise<never> {
  let failing = 0;
  for (;;) {
    await sleep(clock, modelPollMs, signal);
    const { changed, failures, leftOut } = await guard.refresh(signal);
    warnOfModels(leftOut, log);
    const faster = speeds.settle();
    if (changed || faster) onChange();
    if (failures.length !== failing) warnOf(failures, log);
    failing = failures.length;
  }
}

function warnOf(failures: readonly MeshError[], log: Log): void {
  for (const failure of failures) log.warn({ err: failure }, "an engine has no models left");
}

/** The most models that are warned of one by one. */
const warningLimit = 10;

function warnOfModels(leftOut: readonly string[], log: Log): void {
  for (const why of leftOut.slice(0, warningLimit)) log.warn(why);
  const more = leftOut.length - warningLimit;
  if (more > 0) log.warn(`${more} more models are not offered to the mesh, for reasons like these`);
}

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

  /** The models with their reported speeds. */
  describe(models: readonly ServedModel[]): ServedModel[] {
    return models.map((served) => {
      const tokensPerSecond = this.speedOf(served.model);
      return tokensPerSecond === undefined ? served : { ...served, tokensPerSecond };
    });
  }
}
