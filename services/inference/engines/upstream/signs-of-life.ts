import type { GenerationEvent } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Vigil, type VigilOptions } from "./vigil.ts";

/**
 * Passes events on and yields signs of life between them, for upstreams of which nothing is seen but their events: a
 * vigil over each of them.
 */
export async function* withSignsOfLife(
  events: AsyncIterable<GenerationEvent>,
  options: VigilOptions,
): AsyncGenerator<GenerationEvent> {
  const vigil = new Vigil(options);
  const source = events[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<GenerationEvent>> | undefined;
  try {
    for (;;) {
      pending = source.next();
      const result = yield* vigil.over(pending);
      pending = undefined;
      if (result.done) return;
      vigil.shown(result.value.event.case !== "started");
      yield result.value;
    }
  } finally {
    // A source in the middle of a read stops only when that read settles, so nobody waits for it here.
    pending?.catch(() => {});
    void Promise.resolve(source.return?.()).catch(() => {});
  }
}
