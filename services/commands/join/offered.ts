import type { ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { createEngine, type Engine, type EngineContext } from "../../inference/index.ts";
import type { Naming } from "../../inference/naming/choose-names.ts";
import type { Source } from "./find-offer.ts";
import type { SourceFacts } from "./screen.ts";

/** An engine with its source and the models that it last listed. */
export interface OfferedEngine {
  readonly source: Source;
  readonly engine: Engine;
  /** Empty before the engine has listed its models, or when it failed to. */
  readonly served: () => readonly ServedModel[];
  readonly namings: () => readonly Naming[];
}

/** Makes the engine of a source. */
export function createOffered(source: Source, context: EngineContext): OfferedEngine {
  let served: readonly ServedModel[] = [];
  let namings: readonly Naming[] = [];
  const engine = createEngine(source.spec, { ...context, onNamed: (latest) => (namings = latest) });
  const watched: Engine = {
    async models(signal) {
      served = [];
      const models = await engine.models(signal);
      served = models;
      return models;
    },
    generate: (generation, signal) => engine.generate(generation, signal),
    close: () => engine.close(),
  };
  return { source, engine: watched, served: () => served, namings: () => namings };
}

/** The engines' offers for the screen; the first that serves a name has it, as in the node. */
export function toSourceFacts(
  engines: readonly Pick<OfferedEngine, "source" | "served" | "namings">[],
): SourceFacts[] {
  const owners = new Map<string, string>();
  return engines.map(({ source: { title, place }, served, namings }) => ({
    title,
    place,
    models: served().map(({ model, engineName, contextLength, slots }) => {
      const owner = owners.get(model);
      if (owner === undefined) owners.set(model, `${title} ${place}`);
      const because = namings().find((naming) => naming.name === model)?.because;
      const candidates = because?.kind === "ambiguous" ? because.candidates : [];
      const facts = { name: model, engineName, contextLength, slots, candidates };
      return owner === undefined ? facts : { ...facts, takenBy: owner };
    }),
  }));
}
