import { create } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { Clock } from "../../core/clock.ts";
import { MeshError } from "../../core/errors/mesh-error.ts";
import type { Generate } from "../../core/generate.ts";
import { needsOf } from "../../core/generation/capabilities.ts";
import { withoutReserved } from "../../core/generation/reserved-fields.ts";
import { type Access, restrict } from "../../core/identity/access.ts";
import { demandSelf, hasRole, isTrusted } from "../../core/identity/peer.ts";
import type { LoadSource } from "../../core/relay/contract.ts";
import { serveRelay } from "../../core/relay/server.ts";
import { linkSignal } from "../../core/streams/link-signal.ts";
import { type Generation, GenerationSchema } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { EngineBound } from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import {
  GenerateResponseSchema,
  type Model,
  ModelSchema,
  type RelayRequest,
  RelayResponseSchema,
  RouterService,
} from "../../gen/cxmpute/router/v1/router_pb.ts";
import type { Fleet } from "./fleet/fleet.ts";
import type { Attachments } from "./relays/attach.ts";
import type { Candidate } from "./routing/candidate.ts";
import { explain } from "./routing/explain.ts";
import { isAble, type RouteRequest } from "./routing/filters.ts";
import type { Profile } from "./routing/profile.ts";
import { rank } from "./routing/rank.ts";

/** How to make the service. */
export interface RouterParts {
  readonly generate: Generate;
  readonly fleet: Fleet;
  readonly attachments: Attachments;
  readonly profile: Profile;
  readonly clock: Clock;
  /** What translators are sent: only whether this router is draining. */
  readonly load: LoadSource;
  /** Aborts when the router closes. */
  readonly lifetime: AbortSignal;
}

/** Answers RouterService. */
export function createRouterService(parts: RouterParts): ServiceImpl<typeof RouterService> {
  const { generate, fleet, attachments, profile, clock, load, lifetime } = parts;
  const implementation: ServiceImpl<typeof RouterService> = {
    async *generate({ generation }, context) {
      // Translators and processes of one program use relays, so a caller without a name is a client.
      const admitted = withoutReserved(present(generation), isTranslator(context) ? "translator" : "client");
      for await (const event of generate(admitted, context.signal))
        yield create(GenerateResponseSchema, { event });
    },

    async *relay(requests, context) {
      lifetime.throwIfAborted();
      const sender = isTrusted(context) || isTranslator(context) ? "translator" : "client";
      const admit: Generate = (generation, scope) => generate(withoutReserved(generation, sender), scope);
      const { signal } = context;
      const relay = { generate: admit, frames: toFrames(requests), signal, closing: lifetime, clock, load };
      for await (const frame of serveRelay(relay)) yield create(RelayResponseSchema, { frame });
    },

    attach: (requests, context) =>
      untilClosed(context.signal, lifetime, (signal) =>
        attachments.attach(requests, (nodeId) => demandSelf(context, nodeId, "Attaching"), signal),
      ),

    listModels: () => ({ models: listModels(fleet) }),

    explainRoute({ generation: asked }) {
      const generation = present(asked);
      const request = { generation, needs: needsOf(generation), tried: [] };
      return explain(rank(request, fleet.allNodes(generation.model), profile), request, profile);
    },
  };
  return restrict(RouterService, implementation, access);
}

const access: Access<typeof RouterService> = {
  generate: ["translator", "client", "admin"],
  relay: ["translator", "client", "admin"],
  attach: ["node"],
  listModels: ["translator", "client", "admin"],
  // Translators ask for operators only.
  explainRoute: ["translator", "admin"],
};

const isTranslator = (context: HandlerContext): boolean => hasRole(context, "translator");

/** Serves a call until its caller leaves or the router closes. */
async function* untilClosed<T>(
  outer: AbortSignal,
  lifetime: AbortSignal,
  open: (signal: AbortSignal) => AsyncIterable<T>,
): AsyncGenerator<T> {
  lifetime.throwIfAborted();
  const scope = linkSignal(outer);
  const end = () => scope.abort(lifetime.reason);
  lifetime.addEventListener("abort", end, { once: true });
  try {
    yield* open(scope.signal);
  } finally {
    lifetime.removeEventListener("abort", end);
    scope.unlink();
  }
}

function present(generation: Generation | undefined): Generation {
  if (generation !== undefined) return generation;
  throw new MeshError("invalid_request", "The request carries no generation.", { param: "generation" });
}

async function* toFrames(requests: AsyncIterable<RelayRequest>): AsyncGenerator<EngineBound> {
  for await (const { frame } of requests) if (frame !== undefined) yield frame;
}

/** A request that any ready node can serve. */
const anything: RouteRequest = { generation: create(GenerationSchema), needs: 0, tried: [] };

/** Models that a ready node serves, sorted by name. */
export function listModels(fleet: Fleet): Model[] {
  return fleet.models.flatMap((name) => {
    const ready = fleet.candidates(name).filter((candidate) => isAble(candidate, anything));
    if (ready.length === 0) return [];
    return create(ModelSchema, {
      name,
      nodes: ready.length,
      slots: ready.reduce((sum, { slots }) => sum + slots, 0),
      contextLength: Math.max(...ready.map(({ served }) => served?.contextLength ?? 0)),
      since: BigInt(Math.floor(fleet.seenSince(name) / 1000)),
      ...toSpeed(ready),
    });
  });
}

/** The median, because one machine may be a hundred times as fast as the next. */
function toSpeed(ready: readonly Candidate[]): { tokensPerSecond?: number } {
  const times = ready
    .flatMap(({ measuredTokenMs: ms }) => (ms === undefined || ms === 0 ? [] : [ms]))
    .sort((a, b) => a - b);
  const upper = times[times.length >> 1];
  const lower = times[(times.length - 1) >> 1];
  if (upper === undefined || lower === undefined) return {};
  return { tokensPerSecond: 2000 / (upper + lower) };
}
