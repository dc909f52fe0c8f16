import { expect, test } from "vitest";
import { systemClock } from "../../../core/clock.ts";
import { silentLog } from "../../../core/telemetry/log.ts";
import { starterPath } from "../../../test/support/inference/llama-cpp/engines.ts";
import { startOllamaServer } from "../../../test/support/inference/ollama/ollama-server.ts";
import { createEngine } from "../create-engine.ts";
import { createLlamaCppEngine } from "../engines/llama-cpp/index.ts";
import type { Findings } from "./trial.ts";

const never = new AbortController().signal;

test("what Ollama says of a model holds when it is tried, and the model goes by the catalogue's name", async () => {
  const server = await startOllamaServer({
    engine: createLlamaCppEngine({ modelPath: starterPath, slots: 2 }),
    parallel: 2,
  });
  const rounds: Findings[] = [];
  const engine = createEngine(
    { engine: "ollama", url: server.url },
    { clock: systemClock, log: silentLog, onProbed: (_, findings) => rounds.push(findings) },
  );
  try {
    const [served] = await engine.models(never);
    expect(served).toMatchObject({ model: "starter", engineName: "starter:latest", engine: "ollama" });
    const outcomes = rounds.map((findings) =>
      Object.fromEntries([...findings].map(([name, { outcome }]) => [name, outcome])),
    );
    expect(outcomes).toEqual([
      {
        answer: "shown",
        context_length: "shown",
        embeddings: "shown",
        forced_tool_choice: "shown",
        json_object: "shown",
        json_schema: "shown",
        logprobs: "shown",
        raw_prompt: "shown",
        resume: "shown",
        seed: "shown",
        tools: "shown",
      },
    ]);
    // The model in memory is asked; Ollama answers from it, and nothing is loaded for the sake of a probe.
    expect(engine.isLoaded?.("starter")).toBe(true);
  } finally {
    await engine.close();
    await server.close();
  }
});
