import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { systemClock } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import { serveRelay } from "../../../core/relay/server.ts";
import { register } from "../../../core/rpc/contract.ts";
import { startGrpcServer } from "../../../core/rpc/grpc-server.ts";
import { createInProcessTransport } from "../../../core/rpc/in-process-transport.ts";
import { createLog } from "../../../core/telemetry/log.ts";
import type { EngineBound } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import { LoadSchema } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import {
  type RelayRequest,
  RelayResponseSchema,
  RouterService,
} from "../../../gen/cxmpute/router/v1/router_pb.ts";
import { createTranslator } from "../../../services/translator/index.ts";
import { freeAddress, type Mesh, type Shape, testAccount, untilReady } from "../../support/mesh.ts";
import { cxmpute } from "../../support/program.ts";

/** What a golden file needs of a mesh. */
export type Endpoint = Pick<Mesh, "url" | "apiKey" | "stop">;

/** Models by the trouble that whoever asks for them is in, which no real router is in when a test would have it. */
const troubles: Readonly<Record<string, () => Error>> = {
  "out-of-quota": () =>
    new MeshError(
      "quota_exceeded",
      "You exceeded your current quota, please check your plan and billing details.",
    ),
  "too-fast": () =>
    new MeshError(
      "rate_limited",
      "Rate limit reached for too-fast on requests per minute: Limit 3, Used 3, Requested 1. Please try again in 374ms.",
      { retryAfterMs: 374 },
    ),
  "a-bug": () => new TypeError("Cannot read properties of undefined, which nobody outside may read."),
};
export const troubledModels: readonly string[] = Object.keys(troubles);

/**
 * A real translator before a router that fails in the ways that a router can fail and a test cannot bring about: no
 * quotas and no limits of rate are set in a mesh yet, and nobody knows a bug in advance.
 */
export async function startTroubledMesh(shape: Shape): Promise<Endpoint> {
  const log = createLog({ service: "router", level: "silent" });
  const services = [register(RouterService, troubledRouter)];
  const { apiKey, userId } = testAccount;
  if (shape === "in one process") {
    const translator = await createTranslator({
      routers: [createInProcessTransport(services)],
      config: { listen: "127.0.0.1:0", keys: [{ key: apiKey, userId }] },
      clock: systemClock,
      log,
    });
    return { url: await translator.listen(), apiKey, stop: () => translator.close() };
  }
  const router = await startGrpcServer({ listen: "127.0.0.1:0", services, log });
  const listen = await freeAddress();
  const translator = cxmpute(["translator", "--listen", listen, "--router", router.address], {
    CXMPUTE_API_KEY: apiKey,
    CXMPUTE_USER_ID: userId,
  });
  const url = `http://${listen}`;
  await untilReady(url, new Map([["translator", translator]]));
  return {
    url,
    apiKey,
    async stop() {
      await translator.stop("SIGKILL");
      await router.shutdown(0);
    },
  };
}

const generate: Generate = (generation) => {
  const trouble = troubles[generation.model] ?? (() => new MeshError("model_not_found", "No such model."));
  throw trouble();
};

const unplayed = () => {
  throw new MeshError("invalid_request", "This router only generates.");
};

const troubledRouter: ServiceImpl<typeof RouterService> = {
  // biome-ignore lint/correctness/useYield: it fails before it could.
  async *generate({ generation }) {
    if (generation !== undefined) generate(generation, new AbortController().signal);
  },
  async *relay(requests, { signal }) {
    const load = { current: () => create(LoadSchema), subscribe: () => () => {} };
    const frames = framesOf(requests);
    for await (const frame of serveRelay({ generate, frames, signal, clock: systemClock, load }))
      yield create(RelayResponseSchema, { frame });
  },
  attach: unplayed,
  listModels: () => ({
    models: troubledModels.map((name) => ({ name, nodes: 1, slots: 1, contextLength: 1024 })),
  }),
  explainRoute: unplayed,
};

async function* framesOf(requests: AsyncIterable<RelayRequest>): AsyncGenerator<EngineBound> {
  for await (const { frame } of requests) if (frame !== undefined) yield frame;
}
