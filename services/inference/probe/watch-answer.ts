import type { GenerationEvent } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";

/** Calls back at the first read of an answer and once at its end, without a layer per token. */
export const watchAnswer = (
  events: AsyncIterable<GenerationEvent>,
  onStart: () => void,
  onEnd: () => void,
): AsyncIterable<GenerationEvent> => ({
  [Symbol.asyncIterator]() {
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
          onStart();
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
  },
});
