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

/** What attaching to one router needs. */
export interface AttachmentOptions {
  readonly router: Transport;
  /** What the log calls the router. */
  readonly name: string;
  readonly nodeId: string;
  /** The node's lease as it is now. */
  readonly leaseId: () => string;
  /** Called when the router does not know the lease: only registering anew can help. Resolves once that is done. */
  readonly onUnknownLease: () => Promise<void>;
  /**
   * Called with what to update when this router and this node speak different versions of the protocol, and with
   * undefined once the router has accepted the node.
   */
  readonly onMismatch: (fault: string | undefined) => void;
  /** What this node speaks; default: what this program does. */
  readonly protocol?: ProtocolRange | undefined;
  /** Calls back after each sleep of the machine; returns the way to stop. */
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
 * Dials a router and serves a relay over that call, again and again until the signal aborts. This is how a node
 * that nobody can dial is reached: the frames are those of `InferenceService.Relay`, only the direction of the
 * call differs.
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
  // A new lease is shown at once, but only one: the router may know none of this registry's.
  let lease: "accepted" | "refused" | "shown anew" = "accepted";
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
        outage.tell(error);
        if (error.kind === "unauthenticated") {
          if (lease === "accepted") lease = "refused";
          void options.onUnknownLease().then(() => {
            if (lease !== "refused") return;
            lease = "shown anew";
            patience?.abort();
          });
        }
      }
    }
    await sleep(clock, (mismatch ? mismatchBackoff : backoff).next(), patience.signal).catch(() => {});
    if (woken) {
      // Not at once: registering anew comes first, for the router asks for the lease.
      backoff.reset();
      await sleep(clock, backoff.next(), signal).catch(() => {});
    }
    offWake();
    patience.unlink();
    connection.unlink();
  }
}

/** Attaches once. Throws when the router refuses the node, or when the relay has ended, however it did. */
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
    // Begun here and not in `outgoing`: over an in-process transport the router reads only once it is read.
    const relay = serveRelay({ generate, load, clock, frames, signal: scope.signal });
    accepted.resolve(relay[Symbol.asyncIterator]());
    return await ended.promise;
  } finally {
    accepted.resolve(undefined);
    scope.unlink();
    scope.abort();
  }
}

/** The frames in the router's messages; `onEnd` is called with the reason when there are no more. */
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
