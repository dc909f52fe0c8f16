import { systemClock } from "../../../../core/clock.ts";
import { psSchema } from "./api.ts";
import { OllamaClient } from "./client.ts";

/** A model that Ollama has loaded. */
export interface RunningModel {
  readonly name: string;
  /** Bytes of memory that it takes, of whichever kind. */
  readonly sizeBytes: number;
  /** Of these, in the memory of graphics cards; less than all of it makes a model slow. */
  readonly vramBytes: number;
  /** Tokens of context that it is loaded with; undefined where Ollama is too old to say. */
  readonly contextLength: number | undefined;
}

/** What Ollama has loaded now. Throws `MeshError` when it does not answer. */
export async function runningOllamaModels(url: string, signal: AbortSignal): Promise<RunningModel[]> {
  const client = new OllamaClient({ url, clock: systemClock });
  const { models } = await client.ask("/api/ps", psSchema, signal);
  return (models ?? []).map(({ name, size, size_vram, context_length }) => ({
    name,
    sizeBytes: size ?? 0,
    vramBytes: size_vram ?? 0,
    contextLength: context_length ?? undefined,
  }));
}
