import type { Clock } from "../../../../core/clock.ts";
import { scoped } from "../../../../core/streams/scoped.ts";
import type { Log } from "../../../../core/telemetry/log.ts";
import type { Generation, GenerationEvent } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Engine } from "../../engine.ts";
import { createHealthCheck, withSignsOfLife } from "../upstream/stall-detector.ts";
import { UsualTimes } from "../upstream/usual-times.ts";
import { answer, embed } from "./answer.ts";
import { OllamaClient } from "./client.ts";
import { failed } from "./failures.ts";
import { ModelList } from "./model-list.ts";
import { type OllamaOptions, ollamaOptionsSchema } from "./options.ts";

/** How long Ollama may be silent before an answer starts, in milliseconds: it may load the model. */
const beginLimitMs = 300_000;
/** The same between two events: it sends tool calls only when complete. */
const stallLimitMs = 120_000;

export interface OllamaSurroundings {
  readonly clock: Clock;
  readonly log: Log;
  readonly fetch?: typeof fetch;
}

/** An engine on Ollama's own API. It sends one `num_ctx` per model; a prompt that does not fit is an error. */
export function createOllamaEngine(
  given: OllamaOptions,
  { clock, log, fetch: own }: OllamaSurroundings,
): Engine {
  const { url, only, slots, contextSize, keepAlive } = ollamaOptionsSchema.parse(given);
  const reached = { url, clock, fetch: own };
  const list = new ModelList({ client: new OllamaClient(reached), only, slots, contextSize, log });
  // Errors of answers go to callers, so they must not hold addresses.
  const client = new OllamaClient({ ...reached, who: "This node's Ollama" });
  const usualTimes = new UsualTimes(clock);
  const lifetime = new AbortController();
  const isAlive = createHealthCheck((signal) => client.answers(signal), clock, lifetime.signal);

  async function* begin(generation: Generation, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    lifetime.signal.throwIfAborted();
    const known = list.find(generation.model);
    if (known === undefined) throw failed(`${client.who} does not serve \`${generation.model}\` any more.`);
    const respond = generation.embedding === undefined ? answer : embed;
    yield* withSignsOfLife(respond(generation, known, { client, clock, keepAlive }, signal), {
      clock,
      isAlive,
      beginLimitMs,
      stallLimitMs,
      usual: usualTimes.of(generation),
      stalled: (seconds) => `${client.who} sent nothing for ${seconds} s, so the answer was stopped.`,
    });
  }

  return {
    models: (signal) => list.refresh(signal),
    isLoaded: (model) => list.isLoaded(model),
    generate: (generation, signal) => scoped(signal, (scope) => begin(generation, scope)),
    async close() {
      lifetime.abort(failed("The engine is closed."));
    },
  };
}
