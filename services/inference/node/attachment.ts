import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { type Clock, sleep, type Timer } from "../../../core/clock.ts";
import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import { demandProtocol, protocol as ourProtocol, type ProtocolRange } from "../../../core/protocol.ts";
import type { LoadSource } from "../../../core/relay/contract.ts";
import { serveRelay } from "../../../core/relay/server.ts";
import { linkSignal } from "../../../core/streams/link-signal.ts";
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
import { Outage, type Peer } from "./outage.ts";
import { RouterWatch, usualSilenceOfRouter } from "./router-watch.ts";
import type { Sleep } from "./sleep-watch.ts";

interface AttachmentOptions {
  readonly router: Peer;
  readonly nodeId: string;
  readonly leaseId: () => string;
  /** Called when the router does not know the lease. Resolves once the node has registered again. */
  readonly onUnknownLease: () => Promise<void>;
  /** As in `Outage`. */
  readonly onMismatch: (fault: string | undefined) => void;
  readonly protocol?: ProtocolRange | undefined;
  readonly generate: Generate;
  readonly load: LoadSource;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

/** How long the router may take to accept the node, in milliseconds. */
const acceptLimitMs = 10_000;
/** How long a router that has accepted a second relay may be silent on the former, in milliseconds. */
const formerLimitMs = 3000;
/** How long the last frames may take to arrive when the node leaves, in milliseconds. */
const farewellLimitMs = 1000;

/** Dials a router, again and again, and serves a relay over that call: a way through a firewall. */
export class Attachment {
  readonly #options: AttachmentOptions;
  readonly #outage: Outage;
  readonly #usualSilence = usualSilenceOfRouter();
  /** Relays to a router that fell silent, which may still be heard of again. */
  readonly #former = new Set<Former>();
  /** Ends the wait before the next attempt. */
  #patience = new AbortController();
  #connection = new AbortController();
  #woken = false;
  /** A new lease is shown at once, but only once: the router may know no lease of this registry. */
  #lease: "accepted" | "refused" | "shown again" = "accepted";

  constructor(options: AttachmentOptions) {
    const { name } = options.router;
    this.#options = options;
    this.#outage = new Outage({
      ...options,
      away: nodeMessages.routerAway(name),
      refuses: nodeMessages.routerRefuses(name),
      mismatch: (fault) => nodeMessages.routerMismatch(name, fault),
    });
  }

  /** Keeps the node attached until the signal aborts; resolves after the last frame. Never rejects. */
  async keep(signal: AbortSignal): Promise<void> {
    const { clock, router } = this.#options;
    while (!signal.aborted) {
      const patience = linkSignal(signal);
      const connection = new AbortController();
      this.#patience = patience;
      this.#connection = connection;
      this.#woken = false;
      const silent = Promise.withResolvers<"silent">();
      const watch = new RouterWatch(clock, this.#usualSilence, () => silent.resolve("silent"));
      const ends = { closing: signal, signal: connection.signal, watch };
      const relay = attach(this.#options, ends, this.#onAccepted).catch(toMeshError);
      const error = await Promise.race([relay, silent.promise]);
      if (error === "silent") {
        // Its connection may be dead, or the router is busy: a second relay shows which, and the router uses the newer.
        const close = router.transport.renew?.() ?? (() => {});
        const former: Former = {
          watch,
          connection,
          ended: relay.then(close).finally(() => this.#former.delete(former)),
        };
        this.#former.add(former);
        patience.unlink();
        continue;
      }
      const waitMs = signal.aborted ? 0 : this.#onFailure(error);
      await sleep(clock, waitMs, patience.signal).catch(() => {});
      if (this.#woken) {
        // After registering again, because the router asks for the lease.
        this.#outage.reset();
        await sleep(clock, this.#outage.nextWaitMs(), signal).catch(() => {});
      }
      patience.unlink();
    }
    await Promise.all(Array.from(this.#former, ({ ended }) => ended));
  }

  /** After a sleep: attaches again at once, on a new connection if the machine was suspended. */
  wake({ suspended }: Sleep): void {
    this.#woken = true;
    this.#patience.abort();
    if (suspended) this.#connection.abort(new MeshError("node_lost", "The machine was asleep."));
  }

  readonly #onAccepted = (): void => {
    const { log, router, clock } = this.#options;
    this.#lease = "accepted";
    // The router lives, so a former relay on which it stays silent has a dead path: its slots are freed.
    for (const { watch, connection } of this.#former)
      clock.after(formerLimitMs, () => {
        if (watch.isSilent) connection.abort(new MeshError("node_lost", "The router uses a newer relay."));
      });
    log[this.#outage.end() ? "warn" : "info"](`attached to ${router.name}`);
  };

  /** Returns how long to wait, in milliseconds. */
  #onFailure(error: MeshError): number {
    if (error.kind === "unauthenticated") {
      if (this.#lease === "accepted") this.#lease = "refused";
      void this.#options.onUnknownLease().then(() => {
        if (this.#lease !== "refused") return;
        this.#lease = "shown again";
        this.#patience.abort();
      });
    }
    return this.#outage.fail(error);
  }
}

/** A relay that a newer one is to replace. */
interface Former {
  readonly watch: RouterWatch;
  readonly connection: AbortController;
  readonly ended: Promise<void>;
}

interface AttachEnds {
  readonly signal: AbortSignal;
  readonly closing: AbortSignal;
  /** Started for this attempt. */
  readonly watch: RouterWatch;
}

/** Attaches once. Throws when the router refuses the node, or when the relay ends, as in `RelayServerOptions`. */
async function attach(
  { router, nodeId, leaseId, generate, load, clock, protocol = ourProtocol }: AttachmentOptions,
  { signal, closing, watch }: AttachEnds,
  onAccepted: () => void,
): Promise<never> {
  const scope = linkSignal(signal);
  let relaying = false;
  let farewell: Timer | undefined;
  const leave = () => {
    const end = () => scope.abort(closing.reason);
    if (relaying) farewell = clock.after(farewellLimitMs, end);
    else end();
  };
  if (closing.aborted) leave();
  else closing.addEventListener("abort", leave, { once: true });
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
    const client = createClient(RouterService, router.transport);
    const responses = client.attach(outgoing(), { signal: scope.signal })[Symbol.asyncIterator]();
    const first = await within(clock, acceptLimitMs, scope.signal, () => responses.next());
    if (first.done) throw new MeshError("node_lost", "The router ended the call without accepting the node.");
    demandProtocol({ other: "router", self: "node" }, first.value.protocol, protocol);
    onAccepted();
    const ended = Promise.withResolvers<never>();
    const frames = toFrames(responses, watch, ended.reject);
    // Started here because an in-process router reads only once it is read itself.
    relaying = true;
    const relay = serveRelay({ generate, load, clock, frames, signal: scope.signal, closing });
    accepted.resolve(relay[Symbol.asyncIterator]());
    return await ended.promise;
  } finally {
    accepted.resolve(undefined);
    closing.removeEventListener("abort", leave);
    farewell?.cancel();
    watch.stop();
    scope.unlink();
    scope.abort();
  }
}

/** The frames in the router's messages; `onEnd` gets the reason when there are no more. */
async function* toFrames(
  responses: AsyncIterator<AttachResponse>,
  watch: RouterWatch,
  onEnd: (reason: unknown) => void,
): AsyncGenerator<EngineBound> {
  try {
    for (;;) {
      const result = await responses.next();
      if (result.done) return;
      const { frame } = result.value;
      if (frame === undefined) continue;
      watch.hear(frame);
      yield frame;
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
