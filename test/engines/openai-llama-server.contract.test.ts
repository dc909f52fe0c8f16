import { afterAll, beforeAll, describe } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { silentLog } from "../../core/telemetry/log.ts";
import { Capabilities_Resume } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { createOpenAiEngine } from "../../services/inference/engines/openai/index.ts";
import { describeEngine } from "../support/inference/engine-contract.ts";
import { claiming, starterAbilities, starterPrompts } from "../support/inference/starter.ts";
import { findLlamaServer, type LlamaServer, startLlamaServer } from "../support/llama-server.ts";

const found = findLlamaServer();
const abilities = { ...starterAbilities, resume: Capabilities_Resume.TEXT };

describe.skipIf("missing" in found)("in front of a real llama-server", () => {
  let server: LlamaServer;
  beforeAll(async () => {
    const args = ["--embeddings", "--pooling", "mean", "--ubatch-size", "1024"];
    server = await startLlamaServer("path" in found ? found.path : "", { args });
  });
  afterAll(() => server?.stop());

  describeEngine("openai", {
    create: () =>
      claiming(createOpenAiEngine({ url: server.url }, { clock: systemClock, log: silentLog }), abilities),
    abilities,
    prompts: starterPrompts,
  });
});
