import { processEnvironment } from "../../../core/config/environment.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import { ollamaPlace } from "../../inference/discover/index.ts";
import { pullOllamaModel } from "../../inference/engines/ollama/index.ts";
import type { ShowProgress } from "./progress.ts";

/** Where a pull reports, and when it ends. */
export interface PullSurroundings {
  readonly onProgress: ShowProgress;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Has Ollama download models, one after the other. Throws what Ollama says against it, with what to do. */
export async function pullModels(
  { pull, url }: { readonly pull: readonly string[]; readonly url: string | undefined },
  { onProgress, log, signal }: PullSurroundings,
): Promise<void> {
  for (const model of pull) {
    log.info({ model }, "asking Ollama to download a model");
    // A model is several files; each has its own way from nothing to all.
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
