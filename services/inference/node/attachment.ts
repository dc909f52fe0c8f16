import { create } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { Backoff } from "../../../core/backoff.ts";
import { type Clock, sleep } from "../../../core/clock.ts";
import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import {
  demandProtocol,
  protocol as ourProtocol,
  type ProtocolRange,
  protocolCode,
} from "../../../core/protocol.ts";
import type { LoadSource } from "../../../core/relay/contract.ts";
import { serveRelay } from "../../../core/relay/server.ts";
import { type LinkedController, linkSignal } from "../../../core/streams/link-signal.ts";
import { within } from "../../../core/streams/within.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { ClientBound, EngineBound } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import {
  type AttachRequest,
  AttachRequest_HelloSchema,
  type AttachResponse,
  RouterService,
} from "../../../gen/cxmpute/router/v1/router_pb.ts";
import { nodeMessages } from "./messages.ts";
import { Outage, reconnect, reconnectMismatch } from "./outage.ts";
import type { Sleep } from "./sleep-watch.ts";

/** How a node attaches to one router. */
interface AttachmentOptions {
  readonly router: Transport;
  /** What the log calls the router. */
  readonly name: string;
  readonly nodeId: string;
  readonly leaseId: () => string;
  /** Called when the router does not know the lease. Resolves once the node has registered again. */
  readonly onUnknownLease: () => Promise<void>;
  /**
   * Called with what to update when the protocol versions differ, and with undefined once the router accepts the
   * node.
   */
  readonly onMismatch: (fault: string | undefined) => void;
  readonly protocol?: ProtocolRange | undefined;
  /** Calls back after each sleep of the machine; returns how to unsubscribe. */
  readonly onWake: (listener: (sleep: Sleep) => void) => () => void;
  readonly generate: Generate;
  readonly load: LoadSource;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

/** How long the router may take to accept the node, in milliseconds. */
const acceptLimitMs = 10_000;

/**
 * Dials a router and serves a relay over that call, again and again until the signal aborts. So a node behind a
 * firewall is reached: the frames are those of `InferenceService.Relay`, in a call of the other direction.
 */
export async function keepAttached(options: AttachmentOptions, signal: AbortSignal): Promise<void> {
  const { name, clock, random, log, onMismatch } = options;
  const backoff = new Backoff({ ...reconnect, random });
  const mismatchBackoff = new Backoff({ ...reconnectMismatch, random });
  const outage = new Outage({
    log,
    away: nodeMessages.routerAway(name),
    refuses: nodeMessages.routerRefuses(name),
    mismatch: (fault) => nodeMessages.routerMismatch(name, fault),
    onMismatch,
  });
  // A new lease is shown at once, but only once: the router may know no lease of this registry.
  let lease: "accepted" | "refused" | "shown again" = "accepted";
  let patience: LinkedController | undefined;
  while (!signal.aborted) {
    let woken = false;
    let mismatch = false;
    patience = linkSignal(signal);
    const connection = linkSignal(signal);
    const offWake = options.onWake(({ suspended }) => {
      woken = true;
      patience?.abort();
      if (suspended) connection.abort(new MeshError("node_lost", "The machine was asleep."));
    });
    try {
      await attach(options, connection.signal, () => {
        backoff.reset();
        lease = "accepted";
        // As loud as what it ends.
        log[outage.lasts ? "warn" : "info"](`attached to ${name}`);
        outage.end();
      });
    } catch (thrown) {
      if (!signal.aborted) {
        const error = toMeshError(thrown);
        mismatch = error.code === protocolCode;
        outage.report(error);
        if (error.kind === "unauthenticated") {
          if (lease === "accepted") lease = "refused";
          void options.onUnknownLease().then(() => {
            if (lease !== "refused") return;
            lease = "shown again";
            patience?.abort();
          });
        }
      }
    }
    await sleep(clock, (mismatch ? mismatchBackoff : backoff).next(), patience.signal).catch(() => {});
    if (woken) {
      // After registering again, because the router asks for the lease.
      backoff.reset();
      await sleep(clock, backoff.next(), signal).catch(() => {});
    }
    offWake();
    patience.unlink();
    connection.unlink();
  }
}

/** Attaches once. Throws when the router refuses the node, or when the relay ends. */
async function attach(
  { router, nodeId, leaseId, generate, load, clock, protocol = ourProtocol }: AttachmentOptions,
  outer: AbortSignal,
  onAccepted: () => void,
): Promise<never> {
  const scope = linkSignal(outer);
  const accepted = Promise.withResolvers<AsyncIterator<ClientBound> | undefined>();
  async function* outgoing(): AsyncGenerator<AttachRequest> {
    const hello = create(AttachRequest_HelloSchema, { nodeId, leaseId: leaseId(), protocol });
    yield toRequest({ case: "hello", value: hello });
    const relay = await accepted.promise;
    if (relay === undefined) return;
    for await (const frame of { [Symbol.asyncIterator]: () => relay })
      yield toRequest({ case: "frame", value: frame });
  }
  try {
    const client = createClient(RouterService, router);
    const responses = client.attach(outgoing(), { signal: scope.signal })[Symbol.asyncIterator]();
    const first = await within(clock, acceptLimitMs, scope.signal, () => responses.next());
    if (first.done) throw new MeshError("node_lost", "The router ended the call without accepting the node.");
    demandProtocol({ other: "router", self: "node" }, first.value.protocol, protocol);
    onAccepted();
    const ended = Promise.withResolvers<never>();
    const frames = toFrames(responses, ended.reject);
    // Started here because an in-process router reads only once it is read itself.
    const relay = serveRelay({ generate, load, clock, frames, signal: scope.signal });
    accepted.resolve(relay[Symbol.asyncIterator]());
    return await ended.promise;
  } finally {
    accepted.resolve(undefined);
    scope.unlink();
    scope.abort();
  }
}

/** The frames in the router's messages; `onEnd` gets the reason when there are no more. */
async function* toFrames(
  responses: AsyncIterator<AttachResponse>,
  onEnd: (reason: unknown) => void,
): AsyncGenerator<EngineBound> {
  try {
    for (;;) {
      const result = await responses.next();
      if (result.done) return;
      if (result.value.frame !== undefined) yield result.value.frame;
    }
  } catch (error) {
    onEnd(error);
  } finally {
    onEnd(new MeshError("node_lost", "The router ended the relay."));
  }
}

const toRequest = (message: AttachRequest["message"]): AttachRequest => ({
  $typeName: "cxmpute.router.v1.AttachRequest",
  message,
});
