import { createEngine, type Engine, type EngineSurroundings } from "../inference/index.ts";
import { starterModel } from "./places.ts";

/** The settings that choose an engine; those left undefined are the engine's own choice. */
export interface EngineValues {
  readonly engine: "llama-cpp" | "synthetic";
  readonly model: string | undefined;
  readonly modelName: string | undefined;
  readonly slots: number | undefined;
  readonly contextSize: number | undefined;
  readonly threads: number | undefined;
  readonly tokensPerSecond: number | undefined;
  readonly firstTokenMs: number | undefined;
  readonly arrivals: "aligned" | "random" | undefined;
  readonly answerTokens: number | undefined;
}

/** Makes the engine that the settings choose. It loads when the node starts. */
export function toEngine(values: EngineValues, surroundings: EngineSurroundings): Engine {
  const { engine, model, modelName, slots, contextSize, threads } = values;
  if (engine === "llama-cpp") {
    const options = { model: model ?? starterModel, modelName, slots, contextSize, threads };
    return createEngine({ engine, ...options }, surroundings);
  }
  const { tokensPerSecond, firstTokenMs, arrivals, answerTokens } = values;
  const pace = { tokensPerSecond, firstTokenMs, arrivals, answerTokens };
  return createEngine({ engine, model, slots, contextLength: contextSize, ...pace }, surroundings);
}
