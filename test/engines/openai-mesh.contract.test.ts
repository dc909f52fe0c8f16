import { describe } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { silentLog } from "../../core/telemetry/log.ts";
import { Capabilities_Resume } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { createOpenAiEngine } from "../../services/inference/engines/openai/index.ts";
import { describeEngine } from "../support/inference/engine-contract.ts";
import { claiming, starterAbilities, starterPrompts } from "../support/inference/starter.ts";
import { sharedMesh } from "../support/shared-mesh.ts";

const abilities = { ...starterAbilities, resume: Capabilities_Resume.TEXT };
const { url, apiKey } = await sharedMesh("in one process");

describe("in front of a mesh", () => {
  describeEngine("openai", {
    create: () =>
      claiming(createOpenAiEngine({ url, apiKey }, { clock: systemClock, log: silentLog }), abilities),
    abilities,
    prompts: starterPrompts,
  });
});
