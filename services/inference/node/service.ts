import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Clock } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import { restrict } from "../../../core/identity/access.ts";
import {
  protocol as ourProtocol,
  type ProtocolRange,
  protocolCode,
  protocolFault,
} from "../../../core/protocol.ts";
import type { LoadSource } from "../../../core/relay/contract.ts";
import { serveRelay } from "../../../core/relay/server.ts";
import { within } from "../../../core/streams/within.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import {
  type GenerateResponse,
  InferenceService,
  type RelayResponse,
  RelayResponseSchema,
} from "../../../gen/cxmpute/inference/v1/inference_pb.ts";
import type { EngineBound } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import { nodeMessages } from "./messages.ts";

interface InferenceServiceOptions {
  readonly generate: Generate;
  readonly load: LoadSource;
  /** Ends relays in order, as in `RelayServerOptions`. */
  readonly closing?: AbortSignal;
  readonly clock: Clock;
  readonly log: Log;
  readonly protocol?: ProtocolRange | undefined;
}

/** How long a router may take to send its protocol version, in milliseconds. */
const wordLimitMs = 1000;
const faultLimit = 16;

/** A node's gRPC service, for routers that can dial it. */
export function createInferenceService({
  generate,
  load,
  closing,
  clock,
  log,
  protocol = ourProtocol,
}: InferenceServiceOptions): ServiceImpl<typeof InferenceService> {
  const faults = new Set<string>();
  /** Logs each fault once. */
  const refuse = (fault: string): MeshError => {
    if (!faults.has(fault) && faults.size < faultLimit) {
      faults.add(fault);
      log.warn(nodeMessages.routerMismatch("a router that dials this node", fault));
    }
    return new MeshError("invalid_request", fault, { code: protocolCode });
  };
  const implementation: ServiceImpl<typeof InferenceService> = {
    async *generate({ generation }, { signal }): AsyncGenerator<GenerateResponse> {
      if (generation === undefined)
        throw new MeshError("invalid_request", "The request holds no generation.", { param: "generation" });
      for await (const event of generate(generation, signal))
        yield { $typeName: "cxmpute.inference.v1.GenerateResponse", event };
    },

    async *relay(requests, { signal }): AsyncGenerator<RelayResponse> {
      yield create(RelayResponseSchema, { protocol });
      let fault = undefined as string | undefined;
      const messages = requests[Symbol.asyncIterator]();
      const first = messages.next().then((result) => {
        fault = protocolFault(parties, result.value?.protocol, protocol);
        return result;
      });
      first.catch(() => {});
      // Routers of the first version send nothing before they have work, so only a node that no longer speaks it waits.
      const silent = protocolFault(parties, undefined, protocol);
      if (silent !== undefined)
        await within(clock, wordLimitMs, signal, () => first).catch(() => {
          signal.throwIfAborted();
          fault = silent;
        });
      if (fault !== undefined) throw refuse(fault);
      /** None when the router's first message shows another version. */
      async function* toFrames(): AsyncGenerator<EngineBound> {
        try {
          for (let result = await first; !result.done && fault === undefined; result = await messages.next())
            if (result.value.frame !== undefined) yield result.value.frame;
        } finally {
          await messages.return?.();
        }
      }
      const ends = closing === undefined ? { signal } : { signal, closing };
      for await (const frame of serveRelay({ generate, load, clock, frames: toFrames(), ...ends }))
        yield { $typeName: "cxmpute.inference.v1.RelayResponse", frame };
      if (fault !== undefined) throw refuse(fault);
    },
  };
  return restrict(InferenceService, implementation, { generate: ["router"], relay: ["router"] });
}

const parties = { other: "router", self: "node" };
