import { randomBytes } from "node:crypto";
import type { Clock } from "../../../../core/clock.ts";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import type { Log } from "../../../../core/telemetry/log.ts";
import type { Generation, GenerationEvent } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ServedModel } from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Engine } from "../../engine.ts";
import { parseAddress } from "../../servers/address.ts";
import { traitsOf } from "../../servers/kinds.ts";
import { createHealthCheck } from "../upstream/stall-detector.ts";
import { UsualTimes } from "../upstream/usual-times.ts";
import { answer } from "./answer/answer.ts";
import { type Listed, ModelLister } from "./models/list-models.ts";
import type { OpenAiOptions } from "./options.ts";
import { PrefixCaching } from "./prefix-cache.ts";
import { readForced } from "./request/forms.ts";
import { readPartialAnswer } from "./request/partial-answer.ts";
import { UpstreamClient } from "./upstream/client.ts";

export interface OpenAiSurroundings {
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * An engine on any server with OpenAI's protocol, strict in what it sends and lenient in what it reads: what
 * the server cannot do is refused, never weakened. All answers are streamed: only a stream shows progress.
 */
export function createOpenAiEngine(options: OpenAiOptions, { clock, log }: OpenAiSurroundings): Engine {
  const client = new UpstreamClient(parseAddress(options.url), options.apiKey, clock);
  const lister = new ModelLister(client, options, clock, log);
  const usualTimes = new UsualTimes(clock);
  const lifetime = new AbortController();
  const isAlive = createHealthCheck((signal) => client.answers(signal), clock, lifetime.signal);
  const refused = new Set<string>();
  const unforced = new Set<string>();
  const caching = new PrefixCaching(refused);
  const via = randomBytes(9).toString("base64url");
  let known = new Map<string, ServedModel>();
  let traits = traitsOf("openai");
  let unloaded: ReadonlySet<string> = new Set();

  const learn = ({ kind, ...listed }: Listed): ServedModel[] => {
    const models = listed.models.map((served) => ({ ...served, via }));
    traits = traitsOf(kind);
    unloaded = listed.unloaded;
    known = new Map(models.map((served) => [served.model, served]));
    return models;
  };

  async function* generate(generation: Generation, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    const served = known.get(generation.model);
    if (served === undefined)
      throw new MeshError("engine_failed", `The engine does not serve \`${generation.model}\` any more.`);
    const server = {
      client,
      traits,
      refused,
      unforced,
      caching,
      isAlive,
      usualTimes,
      clock,
      lifetime: lifetime.signal,
    };
    const partial = readPartialAnswer(generation, traits);
    const forced = readForced(generation, traits.forcesBySchema || unforced.has(served.model));
    yield* answer({ server, generation, served, partial, forced, signal });
  }

  return {
    models: async (signal) => learn(await lister.list(signal)),
    isLoaded: (model) => !unloaded.has(model),
    generate,
    async close() {
      lifetime.abort(new MeshError("cancelled", "The engine was closed."));
    },
  };
}
