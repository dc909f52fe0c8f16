import { systemClock } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { shuttingDown } from "../../../core/lifecycle/lifecycle.ts";
import { Capabilities_Resume } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { describeEngine } from "../../../test/support/inference/engine-contract.ts";
import { syntheticOptionsSchema } from "../engines/synthetic/options.ts";
import { createSyntheticEngine } from "../engines/synthetic/synthetic-engine.ts";
import { GuardedEngines } from "./guarded-engines.ts";

// What the contract asks of an engine still holds behind the guard.
describeEngine("synthetic, behind the guard", {
  create: () => {
    const options = syntheticOptionsSchema.parse({ tokensPerSecond: 0, contextLength: 2048, slots: 4 });
    const engine = createSyntheticEngine(options, { clock: systemClock });
    const guard = new GuardedEngines({ nodeId: "node-1", engines: [engine], clock: systemClock });
    return {
      models: async (signal) => {
        await guard.refresh(signal);
        return [...guard.models];
      },
      generate: guard.generate,
      close: () => guard.close(new MeshError("node_lost", shuttingDown)),
    };
  },
  abilities: { seed: true, resume: Capabilities_Resume.TOKENS, rawPrompt: true },
  prompts: ["Tell me a story.", "What is a mesh?"],
});
