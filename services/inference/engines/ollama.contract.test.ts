import { afterAll, beforeAll, describe } from "vitest";
import { systemClock } from "../../../core/clock.ts";
import { silentLog } from "../../../core/telemetry/log.ts";
import { Capabilities_Resume } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { describeEngine } from "../../../test/support/inference/engine-contract.ts";
import { starterPath } from "../../../test/support/inference/llama-cpp/engines.ts";
import {
  type OllamaServer,
  startOllamaServer,
} from "../../../test/support/inference/ollama/ollama-server.ts";
import { createLlamaCppEngine } from "./llama-cpp/index.ts";
import { createOllamaEngine } from "./ollama/index.ts";

describe("with the starter model behind Ollama's API", () => {
  let server: OllamaServer;

  beforeAll(async () => {
    const engine = createLlamaCppEngine({ modelPath: starterPath, slots: 4 });
    server = await startOllamaServer({ engine, parallel: 4 });
  });
  afterAll(() => server?.close());

  describeEngine("ollama", {
    create: () => createOllamaEngine({ url: server.url, slots: 4 }, { clock: systemClock, log: silentLog }),
    abilities: {
      tools: true,
      forcedToolChoice: true,
      jsonObject: true,
      jsonSchema: true,
      logprobs: true,
      seed: true,
      rawPrompt: true,
      embeddings: true,
      resume: Capabilities_Resume.TEXT,
    },
    takesTokenIds: false,
    prompts: ["Tell me a short story.", "What is gRPC?", "Write a haiku about rain.", "What can you do?"],
  });
});
