import { createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { openRelay } from "../../../core/relay/client.ts";
import { register } from "../../../core/rpc/contract.ts";
import { createInProcessTransport } from "../../../core/rpc/in-process-transport.ts";
import { InferenceService } from "../../../gen/cxmpute/inference/v1/inference_pb.ts";
import { generationOf } from "../fake-engine.ts";
import { transcribe } from "../transcript.ts";
import { never, settle, startNode } from "./fakes.ts";

describe("dialled", () => {
  test("answers Generate and Relay alike", async () => {
    const { clock, node, engine } = await startNode({ advertise: "10.0.0.7:50053" });
    const transport = createInProcessTransport([register(InferenceService, node.implementation)]);
    const client = createClient(InferenceService, transport);
    const single = (async function* () {
      for await (const { event } of client.generate({ generation: generationOf() })) if (event) yield event;
    })();
    const relay = openRelay({
      clock,
      exchange: async function* (frames, signal) {
        const requests = (async function* () {
          for await (const frame of frames) yield { frame };
        })();
        for await (const { frame } of client.relay(requests, { signal })) if (frame) yield frame;
      },
    });
    const answers = [transcribe(single), transcribe(relay.generate(generationOf(), never))];
    await settle();
    for (const run of engine.runs) run.answer("Hel", "lo");
    await settle();
    for (const { text, order } of await Promise.all(answers))
      expect([text, order[0], order.at(-1)]).toEqual(["Hello", "started", "finished"]);
    relay.close(new MeshError("cancelled", "Done."));
  });

  test("a request without a generation is refused", async () => {
    const { node } = await startNode({ advertise: "10.0.0.7:50053" });
    const transport = createInProcessTransport([register(InferenceService, node.implementation)]);
    const responses = createClient(InferenceService, transport).generate({});
    await expect(responses[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      kind: "invalid_request",
      param: "generation",
    });
  });
});
