import { processEnvironment } from "../../../core/config/environment.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import { ollamaPlace } from "../../inference/discover/index.ts";
import { pullOllamaModel } from "../../inference/engines/ollama/index.ts";
import type { ShowProgress } from "./progress.ts";

export interface PullSurroundings {
  readonly onProgress: ShowProgress;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Has Ollama download models, one by one. Throws Ollama's error with what to do. */
export async function pullModels(
  { pull, url }: { readonly pull: readonly string[]; readonly url: string | undefined },
  { onProgress, log, signal }: PullSurroundings,
): Promise<void> {
  for (const model of pull) {
    log.info({ model }, "asking Ollama to download a model");
    // A model is several files, each with its own progress.
    await pullOllamaModel(
      url ?? ollamaPlace(processEnvironment),
      model,
      ({ digest, totalBytes, completedBytes = 0 }) => {
        if (digest !== undefined && totalBytes !== undefined)
          onProgress(
            `downloading ${model} ${digest.replace(/^sha256:/, "").slice(0, 8)}`,
            completedBytes / totalBytes,
          );
      },
      signal,
    );
    log.info({ model }, "model downloaded");
  }
}
