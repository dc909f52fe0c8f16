import { describe } from "vitest";
import { systemClock } from "../../../../core/clock.ts";
import { Capabilities_Resume } from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { describeEngine } from "../../../../test/support/inference/engine-contract.ts";
import { syntheticOptionsSchema } from "./options.ts";
import { createSyntheticEngine } from "./synthetic-engine.ts";

describe.each([
  { name: "synthetic", thoughtTokens: 0 },
  { name: "synthetic, which thinks", thoughtTokens: 4 },
])("$name", ({ name, thoughtTokens }) => {
  const options = { tokensPerSecond: 0, contextLength: 2048, thoughtTokens };
  describeEngine(name, {
    create: () => createSyntheticEngine(syntheticOptionsSchema.parse(options), { clock: systemClock }),
    abilities: { seed: true, resume: Capabilities_Resume.TOKENS, rawPrompt: true },
    prompts: ["Tell me a story.", "What is a mesh?", "日本語で 👩‍👩‍👧 答えて"],
  });
});
