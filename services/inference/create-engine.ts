import { z } from "zod";
import type { Clock } from "../../core/clock.ts";
import { MeshError } from "../../core/errors/mesh-error.ts";
import type { Log } from "../../core/telemetry/log.ts";
import type { Engine } from "./engine.ts";
import { createLlamaCppEngine } from "./engines/llama-cpp/index.ts";
import { createSyntheticEngine, syntheticOptionsSchema } from "./engines/synthetic/index.ts";

/** What the embedded engine can be told. */
const llamaCppOptionsSchema = z.strictObject({
  model: z.string().min(1).describe("The GGUF file; it is served under its name without the ending."),
  modelName: z.string().min(1).exactOptional().describe("Another name to serve it under."),
  slots: z.int().min(1).max(65_536).exactOptional().describe("Generations at the same time."),
  contextSize: z.int().min(16).exactOptional().describe("Tokens of prompt and answer together."),
  threads: z.int().min(1).max(1024).exactOptional().describe("Threads that compute."),
});

/** Which engine, and what it is told; `engine` chooses. */
export const engineSpecSchema = z.discriminatedUnion("engine", [
  llamaCppOptionsSchema.extend({ engine: z.literal("llama-cpp") }),
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
}

/**
 * Makes the engine that is named. Nothing is loaded yet: that is the node's to begin. Throws `invalid_request`
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
      const { engine: _, model: modelPath, ...options } = parsed.data;
      return createLlamaCppEngine({ modelPath, ...options, ...surroundings });
    }
    case "synthetic": {
      const { engine: _, ...options } = parsed.data;
      return createSyntheticEngine(options, surroundings);
    }
  }
}
