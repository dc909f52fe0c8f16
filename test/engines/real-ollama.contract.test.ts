import { describe, test } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { silentLog } from "../../core/telemetry/log.ts";
import { createOllamaEngine } from "../../services/inference/engines/ollama/index.ts";
import { describeEngine } from "../support/inference/engine-contract.ts";
import { findRealOllama } from "../support/inference/ollama/real-ollama.ts";

// Where somebody runs an Ollama, its smallest model is held to the contract that the scripted one keeps.
const real = await findRealOllama(process.env.OLLAMA_HOST);
if (typeof real === "string") test.skip(real);
else
  describe(`with ${real.served.model} of the Ollama at ${real.url}`, { timeout: 300_000 }, () => {
    const { $typeName: _, ...abilities } = real.served.capabilities!;
    describeEngine("ollama", {
      create: () =>
        createOllamaEngine(
          { url: real.url, only: [real.served.model] },
          { clock: systemClock, log: silentLog },
        ),
      abilities,
      takesTokenIds: false,
      prompts: ["Tell me a short story.", "What is gRPC?", "Write a haiku about rain.", "What can you do?"],
    });
  });
