import type { ServiceImpl } from "@connectrpc/connect";
import type { Clock } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import { restrict } from "../../../core/identity/access.ts";
import type { LoadSource } from "../../../core/relay/contract.ts";
import { serveRelay } from "../../../core/relay/server.ts";
import {
  type GenerateResponse,
  InferenceService,
  type RelayRequest,
  type RelayResponse,
} from "../../../gen/cxmpute/inference/v1/inference_pb.ts";
import type { EngineBound } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";

/** What the service answers with. */
export interface InferenceServiceOptions {
  readonly generate: Generate;
  readonly load: LoadSource;
  readonly clock: Clock;
}

/** A node's gRPC surface, for routers that can dial it: single generations, and the relay. */
export const createInferenceService = ({
  generate,
  load,
  clock,
}: InferenceServiceOptions): ServiceImpl<typeof InferenceService> =>
  restrict(
    InferenceService,
    {
      async *generate({ generation }, { signal }): AsyncGenerator<GenerateResponse> {
        if (generation === undefined)
          throw new MeshError("invalid_request", "The request holds no generation.", { param: "generation" });
        for await (const event of generate(generation, signal))
          yield { $typeName: "cxmpute.inference.v1.GenerateResponse", event };
      },

      async *relay(requests, { signal }): AsyncGenerator<RelayResponse> {
        for await (const frame of serveRelay({ generate, load, clock, signal, frames: toFrames(requests) }))
          yield { $typeName: "cxmpute.inference.v1.RelayResponse", frame };
      },
    },
    { generate: ["router"], relay: ["router"] },
  );

async function* toFrames(requests: AsyncIterable<RelayRequest>): AsyncGenerator<EngineBound> {
  for await (const { frame } of requests) if (frame !== undefined) yield frame;
}
