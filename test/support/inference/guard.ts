import type { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import type { GenerationEvent } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { AnswerRecord } from "../../../services/inference/guard/guarded-answer.ts";
import { GuardedEngines } from "../../../services/inference/guard/guarded-engines.ts";
import { FakeClock } from "../core/fake-clock.ts";
import { FakeEngine, generationOf } from "./fake-engine.ts";

/** Guarded fake engines whose models are known, with everything around them. */
export async function makeGuard(options: { engines?: FakeEngine[]; queueLimit?: number } = {}) {
  const clock = new FakeClock();
  const engines = options.engines ?? [new FakeEngine()];
  const records: AnswerRecord[] = [];
  const guard = new GuardedEngines({
    nodeId: "node-1",
    clock,
    engines,
    ...(options.queueLimit === undefined ? {} : { queueLimit: options.queueLimit }),
    onEnd: (record) => records.push(record),
  });
  await guard.refresh(new AbortController().signal);
  const engine = engines[0]!;
  return { clock, engine, engines, guard, records };
}

/** Reads a generation; `events` grows as they come, `ended` settles with the error or with undefined. */
export function read(guard: { generate: Generate }, generation = generationOf()) {
  const controller = new AbortController();
  const events: string[] = [];
  const run = async () => {
    try {
      for await (const event of guard.generate(generation, controller.signal)) events.push(toText(event));
      return undefined;
    } catch (error) {
      return error as MeshError;
    }
  };
  return { events, ended: run(), abort: (reason?: unknown) => controller.abort(reason) };
}

function toText({ event }: GenerationEvent): string {
  if (event.case === "started") return `started ${event.value.nodeId} ${event.value.fingerprint}`;
  if (event.case === "delta") return event.value.text === "" ? "sign of life" : event.value.text;
  if (event.case === "embedded") return `embedded ${event.value.index}`;
  if (event.case !== "finished") return event.case ?? "";
  return `finished ${event.value.reason} ${event.value.usage?.completionTokens}`;
}

/** Lets everything run that can run now. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));
