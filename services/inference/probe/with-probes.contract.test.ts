import { createCatalogue } from "../../../core/catalogue/catalogue.ts";
import { systemClock } from "../../../core/clock.ts";
import { silentLog } from "../../../core/telemetry/log.ts";
import { Capabilities_Resume } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { describeEngine } from "../../../test/support/inference/engine-contract.ts";
import { starterPath } from "../../../test/support/inference/llama-cpp/engines.ts";
import { starterAbilities, starterPrompts } from "../../../test/support/inference/starter.ts";
import { createLlamaCppEngine } from "../engines/llama-cpp/index.ts";
import { withCatalogueNames } from "../naming/with-catalogue-names.ts";
import { withProbes } from "./with-probes.ts";

const surroundings = { clock: systemClock, log: silentLog };

// Whoever is behind probes and names is an engine like any other, and loses nothing that it really can do.
describeEngine("behind probes and names", {
  create: () => {
    const engine = createLlamaCppEngine({ modelPath: starterPath, slots: 4, ...surroundings });
    const as = { starter: "another-name" };
    return withCatalogueNames(withProbes(engine, surroundings), () => createCatalogue([]), {
      log: silentLog,
      as,
    });
  },
  abilities: { ...starterAbilities, resume: Capabilities_Resume.TOKENS },
  prompts: starterPrompts,
});
