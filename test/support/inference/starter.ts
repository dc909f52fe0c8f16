import { create } from "@bufbuild/protobuf";
import { Capabilities_Resume, CapabilitiesSchema } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Engine } from "../../../services/inference/engine.ts";
import type { Abilities } from "./fake-engine.ts";

/** The engine with other claims: what a server behind HTTP can do is found out by probes, not by the engine. */
export const claiming = (engine: Engine, abilities: Abilities): Engine => ({
  generate: (generation, signal) => engine.generate(generation, signal),
  close: () => engine.close(),
  models: async (signal) =>
    (await engine.models(signal)).map((served) => ({
      ...served,
      capabilities: create(CapabilitiesSchema, abilities),
    })),
});

/** All that servers with the starter model can do over OpenAI's protocol: the model reads no images. */
export const starterAbilities: Abilities = {
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

/** Prompts to which the starter model has longer answers. */
export const starterPrompts = [
  "Tell me a short story.",
  "What is gRPC?",
  "Write a haiku about rain.",
  "What can you do?",
] as const;
