import { afterAll, beforeAll, describe } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { silentLog } from "../../core/telemetry/log.ts";
import { Capabilities_Resume } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { describeEngine } from "../../services/inference/engine-contract.ts";
import { createOpenAiEngine } from "../../services/inference/engines/openai/index.ts";
import type { Abilities } from "../../services/inference/fake-engine.ts";
import { type Mesh, startMesh } from "../support/mesh.ts";
import { claiming } from "./claiming.ts";

/** All that a mesh with the starter model can do. */
const abilities: Abilities = {
  tools: true,
  forcedToolChoice: true,
  jsonObject: true,
  jsonSchema: true,
  logprobs: true,
  seed: true,
  logitBias: true,
  rawPrompt: true,
  embeddings: true,
  resume: Capabilities_Resume.NONE,
};

describe("in front of a mesh", () => {
  let mesh: Mesh;
  beforeAll(async () => {
    mesh = await startMesh("in one process");
  });
  afterAll(() => mesh?.stop());

  describeEngine("openai", {
    create: () => {
      const options = { url: mesh.url, apiKey: mesh.apiKey };
      return claiming(createOpenAiEngine(options, { clock: systemClock, log: silentLog }), abilities);
    },
    abilities,
    prompts: ["Tell me a short story.", "What is gRPC?", "Write a haiku about rain.", "What can you do?"],
  });
});
