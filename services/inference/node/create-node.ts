import { create } from "@bufbuild/protobuf";
import type { ServiceImpl, Transport } from "@connectrpc/connect";
import { type Clock, sleep } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { shuttingDown } from "../../../core/lifecycle/lifecycle.ts";
import type { ProtocolRange } from "../../../core/protocol.ts";
import type { LoadSource } from "../../../core/relay/contract.ts";
import { orAborted } from "../../../core/streams/or-aborted.ts";
import {
  describeGeneration,
  type GenerationRecord,
  logGenerations,
  type OnGenerationEnd,
  tellAll,
} from "../../../core/telemetry/generation-record.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { InferenceService } from "../../../gen/cxmpute/inference/v1/inference_pb.ts";
import {
  type Hardware,
  type Node,
  NodeSchema,
  type ServedModel,
} from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Engine } from "../engine.ts";
import { guardEngines, type Tally } from "../guard/guard-engines.ts";
import type { AnswerRecord } from "../guard/guarded-answer.ts";
import { keepAttached } from "./attachment.ts";
import { nodeMessages } from "./messages.ts";
import { Registration } from "./registration.ts";
import { createInferenceService } from "./service.ts";
import { type Sleep, watchForSleep } from "./sleep-watch.ts";
import { Speedometer } from "./speedometer.ts";

/** How to make a node. */
export interface NodeOptions {
  /** Unique in the mesh; a node keeps it across restarts. */
  readonly id: string;
  /** In order of preference: the first that serves a model has it. The node closes them. */
  readonly engines: readonly Engine[];
  readonly registry: Transport;
  /** What the log calls the registry. */
  readonly registryName?: string;
  /** All routers; used only when the node attaches. */
  readonly routers: readonly Transport[];
  /** What the log calls each of them. */
  readonly routerNames?: readonly string[];
  /** HOST:PORT where routers can dial this node; absent: it attaches to every router. */
  readonly advertise?: string;
  /** The versions of the mesh's protocol that it speaks towards routers; default: those of this program. */
  readonly protocol?: ProtocolRange;
  /** Of the program, for the registry. */
  readonly version?: string;
  /** Tells what the machine has, within seconds and without failing; read while the engines load. */
  readonly readHardware?: () => Promise<Hardware>;
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1); for jitter. */
  readonly random?: () => number;
  /** Generations that may wait for a slot of one model. */
  readonly queueLimit?: number;
  /** Are told of each generation when it has ended; default: the log. */
  readonly onGenerationEnd?: readonly OnGenerationEnd[];
  /** Milliseconds since the machine started, those asleep included; default: as the system tells. */
  readonly uptimeMs?: () => number;
  /** Called once, when the engines have said what they serve and before the registry is told. */
  readonly onLoaded?: (failures: readonly MeshError[]) => void;
  /** Called when the mesh has thrown this node out for good: it is of no more use. */
  readonly onRevoked?: (error: MeshError) => void;
}

/** A running inference node. */
export interface InferenceNode {
  /** To be served at `advertise`, when there is one. */
  readonly implementation: ServiceImpl<typeof InferenceService>;
  readonly load: LoadSource;
  /** What it serves now, by canonical names. */
  readonly models: readonly ServedModel[];
  /** What keeps registry or routers from using it, with what to do first; undefined when all is well. */
  readonly trouble: string | undefined;
  /** Why it cannot serve now; undefined once it is registered and an engine serves a model, and until it drains. */
  whyNotReady(): string | undefined;
  /** What it has done so far. */
  readonly tally: Tally;
  /**
   * Loads the engines, registers, and attaches where it has to. Resolves once registered; waits for as long as
   * the registry cannot be reached. Rejects when no engine can serve anything or the registry refuses the node.
   */
  start(signal: AbortSignal): Promise<void>;
  /**
   * Refuses what is new, tells registry and routers, waits for what is open but no longer than `graceMs`, then
   * leaves the registry and detaches.
   */
  drain(graceMs: number): Promise<void>;
  /** Ends everything at once and closes the engines. */
  close(): Promise<void>;
}

/** How often the engines are asked what they serve, in milliseconds. */
const modelPollMs = 10_000;
/** How long relays stay open once nothing is open on them, in milliseconds: their last frames are still leaving. */
const lingerMs = 200;

/** Makes a node; nothing happens before `start`. */
export function createNode(options: NodeOptions): InferenceNode {
  const { id, clock, log, registry, random = Math.random } = options;
  const lifetime = new AbortController();
  const speeds = new Speedometer();
  const tellEnd = tellAll(options.onGenerationEnd ?? [logGenerations(log)], log);
  let hardware: Hardware | undefined;
  const guard = guardEngines({
    nodeId: id,
    engines: options.engines,
    clock,
    ...(options.queueLimit === undefined ? {} : { queueLimit: options.queueLimit }),
    onEnd: (record) => {
      speeds.learn(record);
      tellEnd(toRecord(id, record));
      logFault(log, record);
    },
  });
  const describe = (): Node =>
    create(NodeSchema, {
      id,
      address: options.advertise ?? "",
      models: guard.models.map((served) => withSpeed(served, speeds.speedOf(served.model))),
      version: options.version ?? "",
      draining: guard.load.current().draining,
      ...(hardware === undefined ? {} : { hardware }),
    });
  /** What to update, for each peer that speaks another version of the protocol. */
  const mismatches = new Map<Transport, string>();
  const mark = (peer: Transport, fault: string | undefined): void => {
    if (fault === undefined) mismatches.delete(peer);
    else mismatches.set(peer, fault);
  };
  const name = options.registryName ?? "the registry";
  const registration = new Registration({
    registry,
    name,
    describe,
    clock,
    random,
    log,
    onMismatch: (fault) => mark(registry, fault),
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
  let drained: Promise<void> | undefined;
  let closed: Promise<void> | undefined;

  const loadEngines = async (signal: AbortSignal): Promise<void> => {
    const { failures } = await guard.refresh(signal);
    const [failure] = failures;
    if (failure !== undefined && guard.models.length === 0) throw failure;
    warnAbout(failures);
    if (guard.models.length === 0) log.warn("the engines serve no model yet");
    options.onLoaded?.(failures);
  };

  const followModels = async (): Promise<void> => {
    let failing = 0;
    for (;;) {
      await sleep(clock, modelPollMs, lifetime.signal);
      const { changed, failures } = await guard.refresh(lifetime.signal);
      const faster = speeds.settle();
      if (changed || faster) registration.announce();
      if (failures.length !== failing) warnAbout(failures);
      failing = failures.length;
    }
  };

  const warnAbout = (failures: readonly MeshError[]): void => {
    for (const failure of failures) log.warn({ err: failure }, "an engine serves nothing now");
  };

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
    implementation: createInferenceService({
      generate: guard.generate,
      load: guard.load,
      clock,
      log,
      protocol: options.protocol,
    }),
    load: guard.load,
    get models() {
      return guard.models;
    },
    get trouble() {
      return mismatches.values().next().value;
    },
    whyNotReady() {
      if (drained !== undefined || closed !== undefined) return shuttingDown;
      if (guard.models.length === 0) return "No engine serves a model.";
      if (registration.leaseId === undefined) return "The node is not registered yet.";
      return mismatches.values().next().value;
    },
    get tally() {
      return guard.tally;
    },

    async start(signal) {
      const reading = options.readHardware?.();
      await loadEngines(signal);
      hardware = await reading;
      await orAborted(registration.start(), signal);
      if (lifetime.signal.aborted) return;
      // Both end only with the node.
      followModels().catch(() => {});
      const stopWatching = watchForSleep({ clock, uptimeMs: options.uptimeMs, onWake: wake });
      lifetime.signal.addEventListener("abort", stopWatching, { once: true });
      if (options.advertise !== undefined) return;
      for (const [index, router] of options.routers.entries())
        void keepAttached(
          {
            router,
            name: options.routerNames?.[index] ?? `router ${index + 1} of ${options.routers.length}`,
            nodeId: id,
            leaseId: () => registration.leaseId ?? "",
            onUnknownLease: () => registration.renewed(),
            onMismatch: (fault) => mark(router, fault),
            protocol: options.protocol,
            onWake,
            generate: guard.generate,
            load: guard.load,
            clock,
            random,
            log,
          },
          lifetime.signal,
        );
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

const withSpeed = (served: ServedModel, tokensPerSecond: number | undefined): ServedModel =>
  tokensPerSecond === undefined ? served : { ...served, tokensPerSecond };

const toRecord = (nodeId: string, record: AnswerRecord): GenerationRecord => ({
  ...describeGeneration(record.generation),
  nodeId,
  outcome: record.outcome instanceof MeshError ? record.outcome.kind : record.outcome,
  promptTokens: record.usage?.promptTokens,
  completionTokens: record.usage?.completionTokens ?? record.givenTokens,
  queuedMs: record.queuedMs,
  firstTokenMs: record.firstTokenMs,
  durationMs: record.durationMs,
});

/** Where the fault is the node's own, what lies beneath it. */
function logFault(log: Log, { generation: { id, model }, outcome }: AnswerRecord): void {
  if (outcome instanceof MeshError && outcome.cause !== undefined && outcome.row.http >= 500)
    log.error({ generation_id: id, model, err: outcome }, "the engine failed");
}
