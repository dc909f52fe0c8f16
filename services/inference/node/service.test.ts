import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { protocolCode } from "../../../core/protocol.ts";
import { openRelay } from "../../../core/relay/client.ts";
import { register } from "../../../core/rpc/contract.ts";
import { createInProcessTransport } from "../../../core/rpc/in-process-transport.ts";
import { InferenceService, type RelayRequestSchema } from "../../../gen/cxmpute/inference/v1/inference_pb.ts";
import { generationOf } from "../../../test/support/inference/fake-engine.ts";
import { advance, never, settle, startNode } from "../../../test/support/inference/node.ts";
import { transcribe } from "../transcript.ts";
import { nodeMessages } from "./messages.ts";

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

  test("takes no work from a router that says nothing in a second, when it does not speak the first protocol", async () => {
    const { clock, node } = await startNode({
      advertise: "10.0.0.7:50053",
      protocol: { current: 3, oldest: 2 },
    });
    const transport = createInProcessTransport([register(InferenceService, node.implementation)]);
    const client = createClient(InferenceService, transport);
    const leave = new AbortController();
    async function* silence() {
      await new Promise((resolve) => leave.signal.addEventListener("abort", resolve));
      yield {};
    }
    const responses = client.relay(silence())[Symbol.asyncIterator]();
    await responses.next();
    let ended: unknown;
    responses.next().catch((error: unknown) => {
      ended = error;
    });
    await advance(clock, 999);
    expect(ended).toBeUndefined();
    await advance(clock, 1);
    expect(ended).toMatchObject({ code: protocolCode });
    leave.abort();
  });

  test("says what it speaks, ends a relay with a router of another protocol, and tells its provider once", async () => {
    const { node, lines } = await startNode({
      advertise: "10.0.0.7:50053",
      protocol: { current: 3, oldest: 2 },
    });
    const transport = createInProcessTransport([register(InferenceService, node.implementation)]);
    const client = createClient(InferenceService, transport);
    const says =
      "Update cxmpute on the router: it speaks version 1 of the mesh's protocol, the node versions 2 to 3.";
    const older = [{ protocol: { current: 1, oldest: 1 } }, { frame: {} }];
    for (const first of older) {
      const leave = new AbortController();
      const responses = client.relay(openWith(first, leave.signal))[Symbol.asyncIterator]();
      expect((await responses.next()).value).toMatchObject({ protocol: { current: 3, oldest: 2 } });
      await expect(Array.fromAsync({ [Symbol.asyncIterator]: () => responses })).rejects.toMatchObject({
        code: protocolCode,
        message: says,
      });
      leave.abort();
    }
    expect(lines.flatMap(({ level, msg }) => (level === "warn" ? [msg] : []))).toEqual([
      nodeMessages.routerMismatch("a router that dials this node", says),
    ]);
  });
});

/** A router's side of a relay that says one thing and stays. */
async function* openWith(first: MessageInitShape<typeof RelayRequestSchema>, signal: AbortSignal) {
  yield first;
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
}
