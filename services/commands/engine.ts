import { processEnvironment } from "../../core/config/environment.ts";
import { ollamaPlace } from "../inference/discover/index.ts";
import { createEngine, type Engine, type EngineSpec, type EngineSurroundings } from "../inference/index.ts";
import { starterModel } from "./places.ts";
import type { EngineName } from "./settings/engine.ts";

/** The settings that choose an engine; those left undefined are the engine's own choice. */
export interface EngineValues {
  readonly engine: EngineName;
  readonly url: string | undefined;
  readonly engineKey: string | undefined;
  readonly only: readonly string[];
  /** ENGINE_NAME=NAME each. */
  readonly as?: readonly string[];
  readonly model: string | undefined;
  readonly modelName: string | undefined;
  readonly slots: number | undefined;
  readonly contextSize: number | undefined;
  readonly threads: number | undefined;
  readonly tokensPerSecond: number | undefined;
  readonly firstTokenMs: number | undefined;
  readonly arrivals: "aligned" | "random" | undefined;
  readonly answerTokens: number | undefined;
  /** JSON text. */
  readonly syntheticModels: string | undefined;
}

/** Makes the engine that the settings choose. It loads when the node starts. */
export const toEngine = (values: EngineValues, surroundings: EngineSurroundings): Engine =>
  createEngine(toSpec(values), surroundings);

/** What the settings say to the engine that they choose. */
export function toSpec(values: EngineValues): EngineSpec {
  const { engine, model, modelName, slots, contextSize, threads } = values;
  switch (engine) {
    case "llama-cpp":
      return {
        engine,
        model: model ?? starterModel,
        modelName,
        slots,
        contextSize,
        threads,
        ...asOf(values),
      };
    case "ollama":
      return {
        engine,
        url: values.url ?? ollamaPlace(processEnvironment),
        slots,
        contextSize,
        ...listsOf(values),
      };
    case "openai":
      return { engine, url: values.url, apiKey: values.engineKey, slots, contextSize, ...listsOf(values) };
    case "synthetic": {
      const { tokensPerSecond, firstTokenMs, arrivals, answerTokens } = values;
      const pace = { tokensPerSecond, firstTokenMs, arrivals, answerTokens };
      const models = values.syntheticModels === undefined ? undefined : JSON.parse(values.syntheticModels);
      return { engine, model, slots, contextLength: contextSize, ...pace, models };
    }
  }
}

const listsOf = (values: EngineValues) => ({
  ...(values.only.length === 0 ? {} : { only: values.only }),
  ...asOf(values),
});

const asOf = ({ as = [] }: EngineValues) =>
  as.length === 0 ? {} : { as: Object.fromEntries(as.map((pair) => pair.split("=") as [string, string])) };
