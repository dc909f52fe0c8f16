import type { Clock } from "../../core/clock.ts";
import type { Engine } from "../inference/engine.ts";
import { createSyntheticEngine, syntheticOptionsSchema } from "../inference/engines/synthetic/index.ts";

/** The settings that choose an engine. */
export interface EngineValues {
  readonly engine: "llama-cpp" | "synthetic";
  readonly model: string | undefined;
  readonly slots: number | undefined;
  readonly tokensPerSecond: number | undefined;
  readonly firstTokenMs: number | undefined;
  readonly arrivals: "aligned" | "random" | undefined;
  readonly answerTokens: number | undefined;
}

/** Makes the engine that the settings choose; what they leave open is the engine's own choice. */
export async function toEngine(values: EngineValues, clock: Clock): Promise<Engine> {
  const { engine, ...options } = values;
  const { model, slots, tokensPerSecond, firstTokenMs, arrivals, answerTokens } = options;
  const given = Object.fromEntries(
    Object.entries({ model, slots, tokensPerSecond, firstTokenMs, arrivals, answerTokens }).filter(
      ([, v]) => v !== undefined,
    ),
  );
  if (engine === "synthetic") return createSyntheticEngine(syntheticOptionsSchema.parse(given), { clock });
  throw new Error("not yet");
}
