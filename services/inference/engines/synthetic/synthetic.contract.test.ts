import { systemClock } from "../../../../core/clock.ts";
import { Capabilities_Resume } from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { describeEngine } from "../../engine-contract.ts";
import { createSyntheticEngine, syntheticOptionsSchema } from "./index.ts";

describeEngine("synthetic", {
  create: () =>
    createSyntheticEngine(syntheticOptionsSchema.parse({ tokensPerSecond: 0, contextLength: 2048 }), {
      clock: systemClock,
    }),
  abilities: { seed: true, resume: Capabilities_Resume.TOKENS, rawPrompt: true },
  prompts: ["Tell me a story.", "What is a mesh?", "日本語で 👩‍👩‍👧 答えて"],
});
