import type { Clock } from "../../../core/clock.ts";
import type { Generate } from "../../../core/generate.ts";
import { orAborted } from "../../../core/streams/or-aborted.ts";
import { pour } from "../../../core/streams/pour.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { Generation, GenerationEvent } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { AnswerWatch } from "./answer-watch.ts";

/** What reading needs, the same for every answer. */
export interface AnswerReader {
  readonly generate: Generate;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Reads one answer to its end and hands every event to `accept`; when that returns a promise, the next event
 * waits for it. Logs the generation's one line. Throws a MeshError when the answer fails; when the signal aborts,
 * its reason.
 */
export async function readAnswer(
  { generate, clock, log }: AnswerReader,
  generation: Generation,
  signal: AbortSignal,
  accept: (event: GenerationEvent) => Promise<void> | undefined,
): Promise<void> {
  const watch = new AnswerWatch(generation, clock, log);
  try {
    const events = generate(generation, signal)[Symbol.asyncIterator]();
    let waits: Promise<void> | undefined;
    const take = (event: GenerationEvent): boolean => {
      watch.see(event);
      waits = accept(event);
      return waits === undefined;
    };
    // The reader is waited for no longer than anybody wants the answer.
    while ((await pour(events, take)) === "stopped") await orAborted(waits!, signal);
    watch.end();
  } catch (thrown) {
    throw watch.fail(signal.aborted ? signal.reason : thrown);
  }
}
