import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { type Clock, sleep } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { shuttingDown } from "../../../core/lifecycle/lifecycle.ts";
import type { ProtocolRange } from "../../../core/protocol.ts";
import type { LoadSource } from "../../../core/relay/contract.ts";
import { orAborted } from "../../../core/streams/or-aborted.ts";
import {
  describeGeneration,
  logGenerations,
  notifyAll,
  type OnGenerationEnd,
} from "../../../core/telemetry/generation-record.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { InferenceService } from "../../../gen/cxmpute/inference/v1/inference_pb.ts";
import {
  type Hardware,
  NodeProcessSchema,
  NodeSchema,
  type ServedModel,
} from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Engine } from "../engine.ts";
import type { AnswerRecord } from "../guard/guarded-answer.ts";
import { type Counters, GuardedEngines } from "../guard/guarded-engines.ts";
import { Attachment } from "./attachment.ts";
import { nodeMessages } from "./messages.ts";
import { followModels, loadModels, Speedometer } from "./model-watch.ts";
import type { Peer } from "./outage.ts";
import { Registration } from "./registration.ts";
import { createInferenceService } from "./service.ts";
import { watchForSleep } from "./sleep-watch.ts";

/** What a node consists of. */
export interface NodeOptions {
  /** Unique in the mesh and kept across restarts. */
  readonly id: string;
  /** This run of the program; random by default. */
  readonly instance?: string;
  /** The run before in the same data folder, if its process has certainly ended. */
  readonly replaces?: string | undefined;
  /** In order of preference: the first that serves a model has it. The node closes them. */
  readonly engines: readonly Engine[];
  readonly registry: Peer;
  /** Dialled unless there is an address to `advertise`. */
  readonly routers: readonly Peer[];
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
  readonly counters: Counters;
  /** Loads, registers and attaches, however long it takes. Rejects if nothing is served or it is refused. */
  start(signal: AbortSignal): Promise<void>;
  /** Refuses new generations, waits up to `graceMs` for open ones, then leaves the registry and detaches. */
  drain(graceMs: number): Promise<void>;
  close(): Promise<void>;
}

/** How long relays stay open, so that routers see that this node drains before they lose it, in milliseconds. */
const lingerMs = 200;

/** Makes a node; nothing happens before `start`. */
export function createNode(options: NodeOptions): InferenceNode {
  const { id, clock, log, registry, random = Math.random, protocol } = options;
  const lifetime = new AbortController();
  let hardware: Hardware | undefined;
  let drained: Promise<void> | undefined;
  let closed: Promise<void> | undefined;

  const speeds = new Speedometer();
  const notify = notifyAll(options.onGenerationEnd ?? [logGenerations(log)], log);
  const guard = new GuardedEngines({
    nodeId: id,
    engines: options.engines,
    clock,
    onEnd: (ended) => {
      speeds.learn(ended);
      notify(toRecord(id, ended));
      logFault(ended, log);
    },
  });
  const { generate } = guard;

  /** What to update, for each peer that speaks another version of the protocol. */
  const mismatches = new Map<Peer, string>();
  const mismatch = (): string | undefined => mismatches.values().next().value;
  const onMismatch = (peer: Peer) => (fault: string | undefined) => {
    if (fault === undefined) mismatches.delete(peer);
    else mismatches.set(peer, fault);
  };

  const registration = new Registration({
    registry,
    describe: () =>
      create(NodeSchema, {
        id,
        address: options.advertise ?? "",
        models: speeds.describe(guard.models),
        version: options.version ?? "",
        draining: guard.current().draining,
        ...(hardware === undefined ? {} : { hardware }),
      }),
    process: create(NodeProcessSchema, {
      instance: options.instance ?? randomUUID(),
      replaces: options.replaces ?? "",
      host: hostname().slice(0, 253),
    }),
    clock,
    random,
    log,
    onMismatch: onMismatch(registry),
    onRevoked: options.onRevoked,
  });

  const dialled = options.advertise === undefined ? options.routers : [];
  const attachments = dialled.map(
    (router) =>
      new Attachment({
        router,
        nodeId: id,
        leaseId: () => registration.leaseId ?? "",
        onUnknownLease: () => registration.renewed(),
        onMismatch: onMismatch(router),
        protocol,
        generate,
        load: guard,
        clock,
        random,
        log,
      }),
  );

  let attached: readonly Promise<void>[] = [];

  const leave = async (graceMs: number): Promise<void> => {
    const idle = guard.drain();
    registration.announce();
    const patience = new AbortController();
    await Promise.race([idle, sleep(clock, graceMs, patience.signal).catch(() => {})]);
    patience.abort();
    guard.abort(stopped());
    await Promise.all([registration.end(), sleep(clock, lingerMs)]);
    await detach();
  };

  const stop = async (): Promise<void> => {
    await Promise.all([guard.close(stopped()), registration.end()]);
    await detach();
  };

  /** Ends relays after their last frames. */
  const detach = async (): Promise<void> => {
    lifetime.abort();
    await Promise.all(attached);
  };

  return {
    implementation: createInferenceService({
      generate,
      load: guard,
      closing: lifetime.signal,
      clock,
      log,
      protocol,
    }),
    load: guard,
    get models() {
      return guard.models;
    },
    get trouble() {
      return mismatch();
    },
    get counters() {
      return guard.counters;
    },

    whyNotReady() {
      if (drained !== undefined || closed !== undefined) return shuttingDown;
      if (guard.models.length === 0) return "No engine serves a model.";
      if (registration.leaseId === undefined) return "The node is not registered yet.";
      return mismatch();
    },

    async start(signal) {
      const reading = options.readHardware?.();
      const failures = await loadModels(guard, log, signal);
      options.onLoaded?.(failures);
      hardware = await reading;
      await orAborted(registration.start(), signal);
      if (lifetime.signal.aborted) return;
      // All of these end only with the node.
      const onChange = () => registration.announce();
      followModels(guard, speeds, { clock, log, onChange }, lifetime.signal).catch(() => {});
      const stopWatching = watchForSleep(
        clock,
        (sleep) => {
          const { lengthMs, suspended } = sleep;
          log.warn({ asleep_ms: Math.round(lengthMs), suspended }, nodeMessages.awake);
          registration.wake();
          for (const attachment of attachments) attachment.wake(sleep);
        },
        options.uptimeMs,
      );
      lifetime.signal.addEventListener("abort", stopWatching, { once: true });
      attached = attachments.map((attachment) => attachment.keep(lifetime.signal));
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

/** What open generations fail with, which routers then continue elsewhere. */
const stopped = (): MeshError => new MeshError("node_lost", shuttingDown);

const toRecord = (
  nodeId: string,
  { generation, outcome, usage, givenTokens, queuedMs, firstTokenMs, durationMs }: AnswerRecord,
): Parameters<OnGenerationEnd>[0] => ({
  ...describeGeneration(generation),
  nodeId,
  outcome: outcome instanceof MeshError ? outcome.kind : outcome,
  promptTokens: usage?.promptTokens,
  completionTokens: usage?.completionTokens ?? givenTokens,
  queuedMs,
  firstTokenMs,
  durationMs,
});

/** Logs the cause of the node's own faults. */
function logFault({ generation: { id, model }, outcome }: AnswerRecord, log: Log): void {
  if (outcome instanceof MeshError && outcome.cause !== undefined && outcome.row.http >= 500)
    log.error({ generation_id: id, model, err: outcome }, "the engine failed");
}
