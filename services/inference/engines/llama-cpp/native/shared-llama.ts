import type { Llama } from "node-llama-cpp";
import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import type { Log } from "../../../../../core/telemetry/log.ts";
import { loadModule } from "./module.ts";

/**
 * The library, started once for the process and shared by all engines in it: starting tries the binaries out in a
 * process of their own. It is never stopped; without a model it holds next to nothing. What llama.cpp has to say
 * goes to the log of the engine that loaded last. Throws `invalid_request` when it does not start.
 */
export async function sharedLlama(log: Log): Promise<Llama> {
  starting ??= start();
  try {
    const llama = await starting;
    llama.logger = (_level, message) => log.debug({ message: message.trim() }, "llama.cpp");
    return llama;
  } catch (error) {
    starting = undefined;
    throw new MeshError(
      "invalid_request",
      "The embedded llama-cpp engine did not start: its binaries are missing or do not fit this machine. Install again with `npm ci`, or run Ollama or llama-server beside the node and join again: they are found by themselves.",
      { cause: error },
    );
  }
}

let starting: Promise<Llama> | undefined;

async function start(): Promise<Llama> {
  const { getLlama, LlamaLogLevel } = await loadModule();
  return getLlama({
    gpu: false,
    build: "never",
    skipDownload: true,
    progressLogs: false,
    logLevel: LlamaLogLevel.error,
    logger: () => {},
  });
}
