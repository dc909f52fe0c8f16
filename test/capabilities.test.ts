import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { MeshError } from "../core/errors/mesh-error.ts";
import { capabilities, capabilityNames } from "../core/generation/capabilities.ts";
import { embeddedEvent } from "../core/generation/events.ts";
import { register } from "../core/rpc/contract.ts";
import { createInProcessTransport } from "../core/rpc/in-process-transport.ts";
import { silentLog } from "../core/telemetry/log.ts";
import type { Generation } from "../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  type Capabilities,
  Capabilities_Resume,
  CapabilitiesSchema,
} from "../gen/cxmpute/registry/v1/registry_pb.ts";
import { RouterService } from "../gen/cxmpute/router/v1/router_pb.ts";
import { toGenerationInit } from "../services/commands/explain.ts";
import { createRouter, type Router } from "../services/router/index.ts";
import { withParam } from "../services/translator/errors/capability-params.ts";
import { FakeClock } from "./support/core/fake-clock.ts";
import { FakeEngine, generationOf, servedModel } from "./support/inference/fake-engine.ts";
import { makeGuard, read, settle } from "./support/inference/guard.ts";
import { FakeNodes, FakeRegistry } from "./support/router/mesh.ts";
import { delta, finished, nodeOf, settled, started } from "./support/router/router.ts";

// Router and node hold a generation against what a model offers, each by itself. They must agree.

let clock: FakeClock;
let registry: FakeRegistry;
let nodes: FakeNodes;
let router: Router;

beforeEach(() => {
  clock = new FakeClock();
  registry = new FakeRegistry();
  nodes = new FakeNodes(clock);
  router = createRouter({ registry: registry.transport, dial: nodes.dial, clock, log: silentLog });
});
afterEach(async () => {
  router.close();
  await settled();
});

/** What a model offers that can do everything but this. */
const allBut = (name?: string): Capabilities =>
  create(
    CapabilitiesSchema,
    Object.fromEntries(
      CapabilitiesSchema.fields.map((field) => [
        field.localName,
        field.name === "resume" ? Capabilities_Resume.TOKENS : field.name !== name,
      ]),
    ),
  );

/** What becomes of a generation in a mesh whose only node offers this: the failure, or undefined for an answer. */
async function askRouter(generation: Generation, offered: Capabilities): Promise<MeshError | undefined> {
  nodes.start("n:1", async function* ({ embedding }) {
    yield started();
    if (embedding === undefined) yield delta("yes");
    for (const index of embedding?.inputs.keys() ?? []) yield embeddedEvent(index, [1]);
    yield finished();
  });
  registry.put(nodeOf("n", { address: "n:1" }, { capabilities: offered }));
  await settled();
  const transport = createInProcessTransport([register(RouterService, router.implementation)]);
  try {
    await Array.fromAsync(createClient(RouterService, transport).generate({ generation }));
    return undefined;
  } catch (error) {
    return error as MeshError;
  }
}

/** The same on a node. */
async function askGuard(generation: Generation, offered: Capabilities): Promise<MeshError | undefined> {
  const engine = new FakeEngine([servedModel("m", { capabilities: offered })]);
  const { guard } = await makeGuard({ engines: [engine] });
  const reading = read(guard, generation);
  await settle();
  engine.runs[0]?.answer("yes");
  return reading.ended;
}

describe.each(capabilityNames)("a generation that needs %s", (name) => {
  const init = toGenerationInit([name]);
  const alone = "rawPrompt" in init || "embedding" in init;
  const generation = generationOf({ ...(alone ? { messages: [] } : {}), ...init });
  const { verb, field } = capabilities[name];

  test("is taken by router and node where it is offered", async () => {
    expect(await askRouter(generation, allBut())).toBeUndefined();
    if (name !== "embeddings") expect(await askGuard(generation, allBut())).toBeUndefined();
  });

  test("is refused by both by the same name and in the same words where it is not", async () => {
    const failures = [await askRouter(generation, allBut(name)), await askGuard(generation, allBut(name))];
    for (const failure of failures) {
      expect(failure).toMatchObject({ kind: "invalid_request", capabilities: [name], param: undefined });
      expect(failure?.message).toContain(` ${verb}. Leave out \`${field}\`, or choose another model.`);
    }
  });

  test("is refused over HTTP by a parameter of OpenAI's, whoever refused it", async () => {
    const [byRouter, byNode] = [
      await askRouter(generation, allBut(name)),
      await askGuard(generation, allBut(name)),
    ];
    const told = withParam(byRouter!, "m");
    expect(told.param).toMatch(/^[a-z_]+$/);
    expect(told.code).toMatch(/^unsupported_(parameter|value)$/);
    expect(told.message).toContain(`'${told.param}' is not supported with this model`);
    expect(told.message).toContain(verb);
    expect(withParam(byNode!, "m")).toMatchObject({
      message: told.message,
      param: told.param,
      code: told.code,
    });
  });
});

test("every capability of a served model is in the table, but for a seed, which is best effort, and resuming", () => {
  const fields = CapabilitiesSchema.fields
    .map(({ name }) => name)
    .filter((name) => !["seed", "resume"].includes(name));
  expect([...capabilityNames].sort()).toEqual(fields.sort());
});
