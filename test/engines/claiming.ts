import { create } from "@bufbuild/protobuf";
import { CapabilitiesSchema } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Engine } from "../../services/inference/engine.ts";
import type { Abilities } from "../../services/inference/fake-engine.ts";

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
