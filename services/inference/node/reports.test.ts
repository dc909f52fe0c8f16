import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { finishedEvent, startedEvent, textEvent } from "../../../core/generation/events.ts";
import { register } from "../../../core/rpc/contract.ts";
import { createInProcessTransport } from "../../../core/rpc/in-process-transport.ts";
import { InferenceService } from "../../../gen/cxmpute/inference/v1/inference_pb.ts";
import { HardwareSchema } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { FakeClock } from "../../../test/support/core/fake-clock.ts";
import {
  FakeEngine,
  generationOf,
  servedModel,
  usageOf,
} from "../../../test/support/inference/fake-engine.ts";
import { advance, settle, startNode } from "../../../test/support/inference/node.ts";

/** Has the node answer 11 tokens, the first at once and the others within so many milliseconds. */
async function answer(
  {
    node,
    engine,
    clock,
  }: { node: Awaited<ReturnType<typeof startNode>>["node"]; engine: FakeEngine; clock: FakeClock },
  ms: number,
): Promise<void> {
  const transport = createInProcessTransport([register(InferenceService, node.implementation)]);
  const reading = (async () => {
    for await (const _ of createClient(InferenceService, transport).generate({ generation: generationOf() }));
  })();
  await settle();
  const run = engine.runs.at(-1)!;
  run.send(startedEvent("", "f"));
  run.send(textEvent("One", []));
  await settle();
  await clock.advance(ms);
  run.send(finishedEvent(1, usageOf(11)));
  run.end();
  await reading;
}

test("a node registers what it runs on", async () => {
  const hardware = create(HardwareSchema, { platform: "linux x64", cores: 8, gpus: [{ name: "A card" }] });
  const { registry } = await startNode({ readHardware: async () => hardware });
  expect(registry.registered[0]?.hardware).toEqual(hardware);
});

test("a node tells how fast it has answered, once there is something to tell, and again when it has changed", async () => {
  const engine = new FakeEngine([servedModel("m"), servedModel("idle")]);
  const { node, registry, clock } = await startNode({ engines: [engine] });
  const speeds = () => registry.registered.at(-1)?.models.map(({ tokensPerSecond }) => tokensPerSecond);
  expect(speeds()).toEqual([undefined, undefined]);
  await answer({ node, engine, clock }, 1000);
  await advance(clock, 10_000);
  expect(speeds()).toEqual([10, undefined]);
  const told = registry.registered.length;
  // An average of 11.3 is near enough.
  await answer({ node, engine, clock }, 600);
  await advance(clock, 10_000);
  expect(registry.registered).toHaveLength(told);
  await answer({ node, engine, clock }, 100);
  await advance(clock, 10_000);
  expect(registry.registered).toHaveLength(told + 1);
  expect(speeds()?.[0]).toBeCloseTo(29.1, 1);
});
