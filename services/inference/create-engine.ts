import { z } from "zod";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import { loadCatalogue } from "../../core/catalogue/load-catalogue.ts";
import type { Clock } from "../../core/clock.ts";
import { MeshError } from "../../core/errors/mesh-error.ts";
import type { Log } from "../../core/telemetry/log.ts";
import type { Engine } from "./engine.ts";
import { createLlamaCppEngine } from "./engines/llama-cpp/index.ts";
import { llamaCppOptionsSchema } from "./engines/llama-cpp/options.ts";
import { createOllamaEngine, ollamaOptionsSchema } from "./engines/ollama/index.ts";
import { createOpenAiEngine, openAiOptionsSchema } from "./engines/openai/index.ts";
import { syntheticOptionsSchema } from "./engines/synthetic/options.ts";
import { createSyntheticEngine } from "./engines/synthetic/synthetic-engine.ts";
import { type NamingOptions, withCatalogueNames } from "./naming/index.ts";
import { type ProbeOptions, withProbes } from "./probe/with-probes.ts";

/** What each engine with models of its own can be told about their names. */
const named = {
  as: z
    .record(z.string().min(1), z.string().min(1).max(256))
    .exactOptional()
    .describe("What the mesh is to call models, by the engine's own names for them."),
};

/** Which engine, and what it is told; `engine` chooses. */
export const engineSpecSchema = z.discriminatedUnion("engine", [
  llamaCppOptionsSchema.extend({ engine: z.literal("llama-cpp"), ...named }),
  openAiOptionsSchema.extend({ engine: z.literal("openai"), ...named }),
  ollamaOptionsSchema.extend({ engine: z.literal("ollama"), ...named }),
  syntheticOptionsSchema.extend({ engine: z.literal("synthetic") }),
]);

/** Which engine, and what it is told, not yet validated; an undefined option counts as left out. */
export interface EngineSpec {
  readonly engine: z.input<typeof engineSpecSchema>["engine"];
  readonly [option: string]: unknown;
}

/** What engines need from around them. */
export interface EngineSurroundings {
  readonly clock: Clock;
  readonly log: Log;
  /** Told how far loading has come, in [0, 1], and of what, in a few words. */
  readonly onProgress?: ((what: string, share: number) => void) | undefined;
  /** Told the names of an engine's models, and how they came about, whenever they change. */
  readonly onNamed?: NamingOptions["onNamed"] | undefined;
  /** Told what was found of a model, under the engine's own name, after each round of probes. */
  readonly onProbed?: ProbeOptions["onProbed"] | undefined;
  /** Default: the one that comes with the program. */
  readonly catalogue?: Catalogue | undefined;
}

/**
 * Makes the engine that is named. Its models go by the catalogue's names, and those of servers that are not ours claim
 * only what they were seen to do. Nothing is loaded yet: that is the node's to begin. Throws `invalid_request`
 * that names every option that is wrong or that this engine does not have.
 */
export function createEngine(spec: EngineSpec, surroundings: EngineSurroundings): Engine {
  const given = Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined));
  const parsed = engineSpecSchema.safeParse(given);
  if (!parsed.success) {
    const faults = parsed.error.issues.map(
      ({ path, message }) => `${path.join(".") || "options"}: ${message}`,
    );
    throw new MeshError(
      "invalid_request",
      `The engine \`${spec.engine}\` cannot be made: ${faults.join("; ")}.`,
    );
  }
  switch (parsed.data.engine) {
    case "llama-cpp": {
      const { engine: _, as, model: modelPath, ...options } = parsed.data;
      const engine = createLlamaCppEngine({ modelPath, ...options, ...surroundings });
      return options.modelName === undefined ? name(engine, as, surroundings) : engine;
    }
    case "openai": {
      const { engine: _, as, ...options } = parsed.data;
      return name(probe(createOpenAiEngine(options, surroundings), surroundings), as, surroundings);
    }
    case "ollama": {
      const { engine: _, as, ...options } = parsed.data;
      return name(probe(createOllamaEngine(options, surroundings), surroundings), as, surroundings);
    }
    case "synthetic": {
      const { engine: _, ...options } = parsed.data;
      return createSyntheticEngine(options, surroundings);
    }
  }
}

/** Inside the naming, so that what was found stays with a model when it gets another name. */
const probe = (engine: Engine, { clock, log, onProbed }: EngineSurroundings): Engine =>
  withProbes(engine, { clock, log, ...(onProbed === undefined ? {} : { onProbed }) });

function name(
  engine: Engine,
  as: Readonly<Record<string, string>> | undefined,
  { log, onNamed, catalogue }: EngineSurroundings,
): Engine {
  return withCatalogueNames(engine, () => catalogue ?? ownCatalogue(), {
    log,
    ...(as === undefined ? {} : { as }),
    ...(onNamed === undefined ? {} : { onNamed }),
  });
}

/** The catalogue that comes with the program, read when the first engine lists its models. */
function ownCatalogue(): Catalogue {
  loaded ??= loadCatalogue();
  return loaded;
}

let loaded: Catalogue | undefined;
