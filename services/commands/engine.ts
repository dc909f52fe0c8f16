import { processEnvironment } from "../../core/config/environment.ts";
import { ollamaPlace } from "../inference/discover/index.ts";
import { fromSettings as toOpenAiOptions } from "../inference/engines/openai/options.ts";
import { fromSettings as toSyntheticOptions } from "../inference/engines/synthetic/options.ts";
import { createEngine, type Engine, type EngineContext, type EngineSpec } from "../inference/index.ts";
import { starterModel } from "./places.ts";
import { type EngineName, type engine, isSettingOf } from "./settings/engine.ts";
import type { ValuesIn } from "./settings/parts.ts";

/** The settings of an engine; it has its own defaults. `as`: ENGINE_NAME=NAME each. */
export type EngineValues = Omit<ValuesIn<typeof engine>, "only"> & {
  readonly only: readonly string[];
  readonly as?: readonly string[];
};

/** Makes the engine of the settings. It loads when the node starts. */
export const toEngine = (values: EngineValues, context: EngineContext): Engine =>
  createEngine(toSpec(values), context);

type Given = Readonly<Record<string, unknown>>;

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
