import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { GenerationEvent } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";

/**
 * Has an answer's errors call the model what the caller calls it. The engine's own name would mean nothing to the
 * caller, and where it is a path it is nobody's business.
 */
export const renameErrors = (
  events: AsyncIterable<GenerationEvent>,
  engineName: string,
  name: string,
): AsyncIterable<GenerationEvent> => ({
  [Symbol.asyncIterator]() {
    const source = events[Symbol.asyncIterator]();
    const fail = (error: unknown): never => {
      throw renameIn(error, engineName, name);
    };
    return {
      next: () => source.next().then(undefined, fail),
      return: async () => (await source.return?.()) ?? { value: undefined, done: true as const },
    };
  },
});

/** The error with the other name in its message; itself when the message does not name the model. */
function renameIn(error: unknown, engineName: string, name: string): unknown {
  if (!(error instanceof MeshError)) return error;
  // In quotes it is the name for sure; without them only what can be no ordinary word.
  const quoted = error.message.replaceAll(`\`${engineName}\``, `\`${name}\``);
  const message = /[/\\]/.test(engineName) ? quoted.replaceAll(engineName, name) : quoted;
  if (message === error.message) return error;
  const { kind, code, param, retryAfterMs } = error;
  return new MeshError(kind, message, {
    cause: error.cause ?? error,
    ...(code === undefined ? {} : { code }),
    ...(param === undefined ? {} : { param }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}
