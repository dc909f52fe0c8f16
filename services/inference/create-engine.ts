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
import { type NamingOptions, withCatalogueNames } from "./naming/with-catalogue-names.ts";
import { type ProbeOptions, withProbes } from "./probe/with-probes.ts";

/** The option of engines whose models have names of their own. */
const named = {
  as: z
    .record(z.string().min(1), z.string().min(1).max(256))
    .exactOptional()
    .describe("The models' names in the mesh, by the engine's names for them."),
};

/** The options of all engines, by `engine`. */
export const engineSpecSchema = z.discriminatedUnion("engine", [
  llamaCppOptionsSchema.extend({ engine: z.literal("llama-cpp"), ...named }),
  openAiOptionsSchema.extend({ engine: z.literal("openai"), ...named }),
  ollamaOptionsSchema.extend({ engine: z.literal("ollama"), ...named }),
  syntheticOptionsSchema.extend({ engine: z.literal("synthetic") }),
]);

/** Which engine with which options, not yet validated; undefined counts as left out. */
export interface EngineSpec {
  readonly engine: z.input<typeof engineSpecSchema>["engine"];
  readonly [option: string]: unknown;
}

export interface EngineContext {
  readonly clock: Clock;
  readonly log: Log;
  /** Reports how far loading has come, in [0, 1], and of what. */
  readonly onProgress?: ((what: string, share: number) => void) | undefined;
  /** Reports the names of an engine's models, and why, whenever they change. */
  readonly onNamed?: NamingOptions["onNamed"] | undefined;
  /** Reports what was found of a model, under the engine's own name, after each round of probes. */
  readonly onProbed?: ProbeOptions["onProbed"] | undefined;
  /** Default: the one that comes with the program. */
  readonly catalogue?: Catalogue | undefined;
}

/** Creates an engine, loading nothing. Throws `invalid_request` that names every wrong or unknown option. */
export function createEngine(spec: EngineSpec, context: EngineContext): Engine {
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
      const engine = createLlamaCppEngine({ modelPath, ...options, ...context });
      return options.modelName === undefined ? name(engine, as, context) : engine;
    }
    case "openai": {
      const { engine: _, as, ...options } = parsed.data;
      return foreign(createOpenAiEngine(options, context), as, context);
    }
    case "ollama": {
      const { engine: _, as, ...options } = parsed.data;
      return foreign(createOllamaEngine(options, context), as, context);
    }
    case "synthetic": {
      const { engine: _, ...options } = parsed.data;
      return createSyntheticEngine(options, context);
    }
  }
}

/** Probes inside the naming, so that findings stay with a model that gets another name. */
const foreign: typeof name = (engine, as, context) => name(withProbes(engine, context), as, context);

function name(
  engine: Engine,
  as: Readonly<Record<string, string>> | undefined,
  { log, onNamed, catalogue }: EngineContext,
): Engine {
  return withCatalogueNames(engine, () => catalogue ?? ownCatalogue(), { log, as, onNamed });
}

/** Read when the first engine lists its models. */
function ownCatalogue(): Catalogue {
  loaded ??= loadCatalogue();
  return loaded;
}

let loaded: Catalogue | undefined;
