import { create } from "@bufbuild/protobuf";
import type { ServiceImpl, Transport } from "@connectrpc/connect";
import type { Clock } from "../../core/clock.ts";
import { MeshError } from "../../core/errors/mesh-error.ts";
import { shuttingDown } from "../../core/lifecycle/lifecycle.ts";
import type { ProtocolRange } from "../../core/protocol.ts";
import type { LoadSource } from "../../core/relay/contract.ts";
import type { OnGenerationEnd } from "../../core/telemetry/generation-record.ts";
import type { Log } from "../../core/telemetry/log.ts";
import { LoadSchema } from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import type { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";
import { Fleet } from "./fleet/fleet.ts";
import { watchRegistry } from "./fleet/watch-registry.ts";
import { createPipeline } from "./pipeline.ts";
import { defaultQueueLimits, type QueueLimits } from "./queue-limits.ts";
import { Attachments } from "./relays/attach.ts";
import { Dialler, type NodeTransport } from "./relays/dialler.ts";
import { profiles } from "./routing/profile.ts";
import { createRouterService } from "./service.ts";

/** How to make a router. */
export interface RouterOptions extends Partial<QueueLimits> {
  /** The way to the registry. */
  readonly registry: Transport;
  /** Makes a way to a node that gave its address, HOST:PORT; it leads to that node or nowhere. */
  readonly dial: (address: string, nodeId: string) => NodeTransport;
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1); spreads waits. */
  readonly random?: () => number;
  /** How long an answer may take, waiting included, in milliseconds; absent for as long as it needs. */
  readonly answerTimeoutMs?: number;
  /** The most nodes that one generation is tried on before its first token, and again for each node that it outlives. */
  readonly attemptLimit?: number;
  /** What counts how much when nodes are ranked. */
  readonly profile?: keyof typeof profiles;
  /** Are told of each generation when it has ended; default: the log. */
  readonly onGenerationEnd?: readonly OnGenerationEnd[];
  /** The versions of the mesh's protocol that it speaks towards nodes; default: those of this program. */
  readonly protocol?: ProtocolRange;
}

/** A router, to be served or called in process. */
export interface Router {
  readonly implementation: ServiceImpl<typeof RouterService>;
  /** Why nothing can be sent through it now; undefined once it has heard of the registry, and until it drains. */
  whyNotReady(): string | undefined;
  /** Takes nothing new, and resolves when all is answered or `graceMs` have passed. */
  drain(graceMs: number): Promise<void>;
  /** Ends what is open, and lets go of everything. */
  close(): void;
}

/** Makes a router, which begins to follow the registry and to connect to nodes at once. */
export function createRouter(options: RouterOptions): Router {
  const {
    registry,
    dial,
    clock,
    log,
    random = Math.random,
    attemptLimit = 4,
    profile: name,
    protocol,
    ...limits
  } = options;
  const profile = profiles[name ?? "interactive"];
  const lifetime = new AbortController();
  const listeners = new Set<() => void>();

  const fleet = new Fleet({ clock, log });
  const dialler = new Dialler({ dial, fleet, clock, random, log, protocol });
  const attachments = new Attachments({ registry, fleet, clock, log, protocol });
  const pipeline = createPipeline({
    ...defaultQueueLimits,
    ...limits,
    fleet,
    clock,
    log,
    profile,
    attemptLimit,
  });

  const load: LoadSource = {
    current: () => create(LoadSchema, { draining: pipeline.draining }),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };

  let listed = false;
  void watchRegistry(
    {
      registry,
      clock,
      random,
      log,
      onListing: ({ nodes, epoch, revoked }, former) => {
        listed = true;
        fleet.list(nodes, { memoryLost: former !== undefined && former.epoch !== epoch, revoked });
        dialler.follow(nodes);
      },
    },
    lifetime.signal,
  );

  return {
    implementation: createRouterService({
      generate: pipeline.generate,
      fleet,
      attachments,
      profile,
      clock,
      load,
      lifetime: lifetime.signal,
    }),
    whyNotReady() {
      if (pipeline.draining) return shuttingDown;
      return listed ? undefined : "The registry has not answered yet.";
    },
    async drain(graceMs) {
      pipeline.refuseNew();
      for (const listener of [...listeners]) listener();
      await pipeline.open.whenIdle(graceMs, clock);
    },
    close() {
      pipeline.refuseNew();
      const stopped = new MeshError("node_lost", shuttingDown);
      dialler.close();
      pipeline.open.abort(stopped);
      // To the fleet it is no loss but this router's own wish.
      fleet.close(new MeshError("cancelled", stopped.message));
      lifetime.abort(stopped);
    },
  };
}
