import type { z } from "zod";
import { processEnvironment } from "../../core/config/environment.ts";
import type { ValuesOf } from "../../core/config/settings.ts";
import { ollamaPlace } from "../inference/discover/index.ts";
import { fromSettings as toOpenAiOptions } from "../inference/engines/openai/options.ts";
import { fromSettings as toSyntheticOptions } from "../inference/engines/synthetic/options.ts";
import { createEngine, type Engine, type EngineSpec, type EngineSurroundings } from "../inference/index.ts";
import { starterModel } from "./places.ts";
import { type EngineName, type engine, isSettingOf } from "./settings/engine.ts";

/** The settings of an engine; it has its own defaults. */
export type EngineValues = Omit<ValuesOf<SchemasOf<typeof engine>>, "only"> & {
  readonly only: readonly string[];
  /** ENGINE_NAME=NAME each. */
  readonly as?: readonly string[];
};

type SchemasOf<Table extends Readonly<Record<string, { schema: unknown }>>> = {
  readonly [Key in keyof Table]: Extract<Table[Key]["schema"], z.ZodType>;
};

/** Makes the engine of the settings. It loads when the node starts. */
export const toEngine = (values: EngineValues, surroundings: EngineSurroundings): Engine =>
  createEngine(toSpec(values), surroundings);

type Given = Readonly<Record<string, unknown>>;

/** Turns settings that are given into options. */
const toOptions: Readonly<Record<EngineName, (given: Given) => Given>> = {
  "llama-cpp": (given) => ({ model: starterModel, ...given }),
  ollama: (given) => ({ url: ollamaPlace(processEnvironment), ...given }),
  openai: toOpenAiOptions,
  synthetic: toSyntheticOptions,
};

/** The settings as a spec of their engine. */
export function toSpec({ engine, as = [], ...values }: EngineValues): EngineSpec {
  const given = Object.entries(values).filter(
    ([key, value]) =>
      isSettingOf(engine, key) && value !== undefined && !(Array.isArray(value) && value.length === 0),
  );
  const names = as.map((pair) => pair.split("=") as [string, string]);
  return {
    ...toOptions[engine](Object.fromEntries(given)),
    ...(as.length === 0 ? {} : { as: Object.fromEntries(names) }),
    engine,
  };
}
