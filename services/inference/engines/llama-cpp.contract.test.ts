import { fileURLToPath } from "node:url";
import { systemClock } from "../../../core/clock.ts";
import { silentLog } from "../../../core/telemetry/log.ts";
import { Capabilities_Resume } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { describeEngine } from "../../../test/support/inference/engine-contract.ts";
import { starterAbilities, starterPrompts } from "../../../test/support/inference/starter.ts";
import { createEngine } from "../create-engine.ts";

describeEngine("llama-cpp", {
  create: () =>
    createEngine(
      {
        engine: "llama-cpp",
        model: fileURLToPath(new URL("../../../models/starter.gguf", import.meta.url)),
        slots: 4,
      },
      { clock: systemClock, log: silentLog },
    ),
  abilities: { ...starterAbilities, resume: Capabilities_Resume.TOKENS },
  prompts: starterPrompts,
});
