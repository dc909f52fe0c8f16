import { afterAll, beforeAll, describe } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { silentLog } from "../../core/telemetry/log.ts";
import { Capabilities_Resume } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { createOpenAiEngine } from "../../services/inference/engines/openai/index.ts";
import { describeEngine } from "../support/inference/engine-contract.ts";
import { type Mesh, startMesh } from "../support/mesh.ts";
import { claiming, starterAbilities, starterPrompts } from "./claiming.ts";

const abilities = { ...starterAbilities, resume: Capabilities_Resume.TEXT };

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
    prompts: starterPrompts,
  });
});
