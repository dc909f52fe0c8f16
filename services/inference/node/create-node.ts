import { create } from "@bufbuild/protobuf";
import type { ServiceImpl, Transport } from "@connectrpc/connect";
import { type Clock, sleep } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { shuttingDown } from "../../../core/lifecycle/lifecycle.ts";
import type { ProtocolRange } from "../../../core/protocol.ts";
import type { LoadSource } from "../../../core/relay/contract.ts";
import { orAborted } from "../../../core/streams/or-aborted.ts";
import { logGenerations, type OnGenerationEnd } from "../../../core/telemetry/generation-record.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { InferenceService } from "../../../gen/cxmpute/inference/v1/inference_pb.ts";
import { type Hardware, NodeSchema, type ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Engine } from "../engine.ts";
import { guardEngines, type Tally } from "../guard/guard-engines.ts";
import { keepAttached } from "./attachment.ts";
import { nodeMessages } from "./messages.ts";
import { ModelWatch } from "./model-watch.ts";
import { recordGenerations } from "./record-generations.ts";
import { Registration } from "./registration.ts";
import { createInferenceService } from "./service.ts";
import { type Sleep, watchForSleep } from "./sleep-watch.ts";

/** What a node consists of. */
export interface NodeOptions {
  /** Unique in the mesh and kept across restarts. */
  readonly id: string;
  /** In order of preference: the first that serves a model has it. The node closes them. */
  readonly engines: readonly Engine[];
  readonly registry: Transport;
  /** What the log calls the registry. */
  readonly registryName?: string;
  /** Dialled unless there is an address to `advertise`. */
  readonly routers: readonly Transport[];
  /** What the log calls each router. */
  readonly routerNames?: readonly string[];
  /** HOST:PORT where routers can dial this node; absent: it attaches to every router. */
  readonly advertise?: string;
  /** Protocol versions spoken towards routers; default: this program's. */
  readonly protocol?: ProtocolRange;
  readonly version?: string;
  /** Takes seconds at most and never fails; read while the engines load. */
  readonly readHardware?: () => Promise<Hardware>;
  readonly clock: Clock;
  readonly log: Log;
  readonly random?: () => number;
  /** Generations that may wait for a slot of one model. */
  readonly queueLimit?: number;
  /** Called with each generation when it has ended; default: the log. */
  readonly onGenerationEnd?: readonly OnGenerationEnd[];
  /** Milliseconds since the machine started, sleep included; default: the system's. */
  readonly uptimeMs?: () => number;
  /** Called once, when the engines have loaded and before the node registers. */
  readonly onLoaded?: (failures: readonly MeshError[]) => void;
  /** Called when the mesh has removed this node for good. */
  readonly onRevoked?: (error: MeshError) => void;
}

/** A running inference node. */
export interface InferenceNode {
  /** To be served at `advertise`, if set. */
  readonly implementation: ServiceImpl<typeof InferenceService>;
  readonly load: LoadSource;
  /** What it serves now, by the mesh's names. */
  readonly models: readonly ServedModel[];
  /** What keeps registry or routers from using it, and what to do; undefined when all is well. */
  readonly trouble: string | undefined;
  /** Why it cannot serve now; undefined while it is registered, serves a model and does not drain. */
  whyNotReady(): string | undefined;
  readonly tally: Tally;
  /**
   * Loads the engines, registers and attaches. Resolves once registered, however long the registry is away. Rejects
   * when no engine serves anything or the registry refuses the node.
   */
  start(signal: AbortSignal): Promise<void>;
  /** Refuses new generations, waits up to `graceMs` for open ones, then leaves the registry and detaches. */
  drain(graceMs: number): Promise<void>;
  close(): Promise<void>;
}

/** How long relays stay open for their last frames, in milliseconds. */
const lingerMs = 200;

/** Makes a node; nothing happens before `start`. */
export function createNode(options: NodeOptions): InferenceNode {
  const { id, clock, log, registry, random = Math.random, protocol } = options;
  const lifetime = new AbortController();
  let hardware: Hardware | undefined;
  let drained: Promise<void> | undefined;
  let closed: Promise<void> | undefined;

  const record = recordGenerations(id, options.onGenerationEnd ?? [logGenerations(log)], log);
  const guard = guardEngines({
    nodeId: id,
    engines: options.engines,
    clock,
    queueLimit: options.queueLimit,
    onEnd: (ended) => {
      watch.learn(ended);
      record(ended);
    },
  });
  const watch = new ModelWatch(guard, clock, log);
  const { generate, load } = guard;

  /** What to update, for each peer that speaks another version of the protocol. */
  const mismatches = new Map<Transport, string>();
  const mismatch = (): string | undefined => mismatches.values().next().value;
  const onMismatch = (peer: Transport) => (fault: string | undefined) => {
    if (fault === undefined) mismatches.delete(peer);
    else mismatches.set(peer, fault);
  };

  const registration = new Registration({
    registry,
    name: options.registryName ?? "the registry",
    describe: () =>
      create(NodeSchema, {
        id,
        address: options.advertise ?? "",
        models: watch.models,
        version: options.version ?? "",
        draining: load.current().draining,
        ...(hardware === undefined ? {} : { hardware }),
      }),
    clock,
    random,
    log,
    onMismatch: onMismatch(registry),
    onRevoked: options.onRevoked,
  });

  const wakeListeners = new Set<(sleep: Sleep) => void>();
  const onWake = (listener: (sleep: Sleep) => void) => {
    wakeListeners.add(listener);
    return () => void wakeListeners.delete(listener);
  };
  const wake = (sleep: Sleep): void => {
    log.warn({ asleep_ms: Math.round(sleep.lengthMs), suspended: sleep.suspended }, nodeMessages.awake);
    registration.wake();
    for (const listener of [...wakeListeners]) listener(sleep);
  };

  const attach = (router: Transport, index: number): void =>
    void keepAttached(
      {
        router,
        name: options.routerNames?.[index] ?? `router ${index + 1} of ${options.routers.length}`,
        nodeId: id,
        leaseId: () => registration.leaseId ?? "",
        onUnknownLease: () => registration.renewed(),
        onMismatch: onMismatch(router),
        protocol,
        onWake,
        generate,
        load,
        clock,
        random,
        log,
      },
      lifetime.signal,
    );

  const leave = async (graceMs: number): Promise<void> => {
    const idle = guard.drain();
    registration.announce();
    const patience = new AbortController();
    await Promise.race([idle, sleep(clock, graceMs, patience.signal).catch(() => {})]);
    patience.abort();
    await Promise.all([registration.end(), sleep(clock, lingerMs)]);
    lifetime.abort();
  };

  const stop = async (): Promise<void> => {
    await registration.end();
    await guard.close(new MeshError("node_lost", shuttingDown));
    lifetime.abort();
  };

  return {
    implementation: createInferenceService({ generate, load, clock, log, protocol }),
    load,
    get models() {
      return guard.models;
    },
    get trouble() {
      return mismatch();
    },
    get tally() {
      return guard.tally;
    },

    whyNotReady() {
      if (drained !== undefined || closed !== undefined) return shuttingDown;
      if (guard.models.length === 0) return "No engine serves a model.";
      if (registration.leaseId === undefined) return "The node is not registered yet.";
      return mismatch();
    },

    async start(signal) {
      const reading = options.readHardware?.();
      const failures = await watch.load(signal);
      options.onLoaded?.(failures);
      hardware = await reading;
      await orAborted(registration.start(), signal);
      if (lifetime.signal.aborted) return;
      // Both end only with the node.
      watch.follow(() => registration.announce(), lifetime.signal).catch(() => {});
      const stopWatching = watchForSleep(clock, wake, options.uptimeMs);
      lifetime.signal.addEventListener("abort", stopWatching, { once: true });
      if (options.advertise === undefined) options.routers.forEach(attach);
    },

    drain(graceMs) {
      drained ??= leave(graceMs);
      return drained;
    },

    close() {
      closed ??= stop();
      return closed;
    },
  };
}
