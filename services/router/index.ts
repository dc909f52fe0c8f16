import { create } from "@bufbuild/protobuf";
import type { ServiceImpl, Transport } from "@connectrpc/connect";
import { routerStoppedCode } from "../../core/answers/call.ts";
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
  readonly registry: Transport;
  /** Makes a transport to the node at an address, HOST:PORT; it reaches that node or none. */
  readonly dial: (address: string, nodeId: string) => NodeTransport;
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1); jitters waits. */
  readonly random?: () => number;
  /** How long an answer may take, waiting included, in milliseconds; absent for no limit. */
  readonly answerTimeoutMs?: number;
  /** How long a node may show nothing new of an answer, in milliseconds; default: five minutes. */
  readonly progressTimeoutMs?: number;
  /** The most attempts before the first token, and the most that may fail at each continuation; default: 4. */
  readonly attemptLimit?: number;
  /** Default: `interactive`. */
  readonly profile?: keyof typeof profiles;
  readonly onGenerationEnd?: readonly OnGenerationEnd[];
  /** The protocol versions that it speaks with nodes; default: those of this program. */
  readonly protocol?: ProtocolRange;
}

/** A router, to be served or called in process. */
export interface Router {
  readonly implementation: ServiceImpl<typeof RouterService>;
  /** Why it is not ready; undefined from the registry's first listing until it drains. */
  whyNotReady(): string | undefined;
  /** Refuses new generations; resolves when all open ones have ended, or after `graceMs`. */
  drain(graceMs: number): Promise<void>;
  close(): void;
}

/** Makes a router, which watches the registry and connects to nodes at once. */
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
      const stopped = new MeshError("node_lost", shuttingDown, { code: routerStoppedCode });
      dialler.close();
      pipeline.open.abort(stopped);
      // `cancelled`, so that the fleet does not log it as the loss of nodes.
      fleet.close(new MeshError("cancelled", stopped.message));
      lifetime.abort(stopped);
    },
  };
}
