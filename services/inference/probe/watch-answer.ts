import type { GenerationEvent } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";

/** Calls back at the first read of an answer and, once, at its end, however it ends. Adds no layer to a token's way. */
export function watchAnswer(
  events: AsyncIterable<GenerationEvent>,
  onBegin: () => void,
  onEnd: () => void,
): AsyncIterable<GenerationEvent> {
  return { [Symbol.asyncIterator]: () => watch(events, onBegin, onEnd) };
}

function watch(
  events: AsyncIterable<GenerationEvent>,
  onBegin: () => void,
  onEnd: () => void,
): AsyncIterator<GenerationEvent> {
  let source: AsyncIterator<GenerationEvent> | undefined;
  let ended = false;
  const end = () => {
    if (source !== undefined && !ended) onEnd();
    ended = true;
  };
  const onResult = ({ done }: IteratorResult<GenerationEvent, unknown>) => {
    if (done === true) end();
  };
  return {
    next() {
      if (source === undefined) {
        onBegin();
        source = events[Symbol.asyncIterator]();
      }
      const result = source.next();
      result.then(onResult, end);
      return result;
    },
    async return() {
      end();
      await source?.return?.();
      return { value: undefined, done: true };
    },
  };
}
