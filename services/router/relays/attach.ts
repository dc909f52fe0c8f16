import { create } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import type { Clock } from "../../../core/clock.ts";
import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import { demandProtocol, protocol as ourProtocol, type ProtocolRange } from "../../../core/protocol.ts";
import { linkSignal } from "../../../core/streams/link-signal.ts";
import { orAborted } from "../../../core/streams/or-aborted.ts";
import { untilAborted } from "../../../core/streams/until-aborted.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import { RegistryService } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import {
  type ClientBound,
  type EngineBound,
  EngineBoundSchema,
} from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import {
  type AttachRequest,
  type AttachRequest_Hello,
  type AttachResponse,
  AttachResponseSchema,
} from "../../../gen/cxmpute/router/v1/router_pb.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { Mismatches } from "./mismatches.ts";
import { openNodeRelay } from "./node-relay.ts";

/** How to accept nodes. */
export interface AttachOptions {
  readonly registry: Transport;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly log: Log;
  readonly protocol?: ProtocolRange | undefined;
}

/** How long a node may take to send its Hello, and the registry to confirm its lease, in milliseconds. */
const helloTimeoutMs = 5000;
/** From this many leases on, those of nodes that left are forgotten. */
const leaseLimit = 1024;

/** Accepts nodes that dial in: a relay's frames, but the node opened the connection. */
export class Attachments {
  readonly #options: AttachOptions;
  /** The lease that each node was last accepted with, which counts while the registry is away. */
  readonly #leases = new Map<string, string>();
  readonly #mismatches: Mismatches;
  readonly #protocol: ProtocolRange;

  constructor(options: AttachOptions) {
    this.#options = options;
    this.#mismatches = new Mismatches(options.log);
    this.#protocol = options.protocol ?? ourProtocol;
  }

  /** Serves one Attach call until its relay ends; throws for a refused node, as does `demandCaller` for its identity. */
  async *attach(
    requests: AsyncIterable<AttachRequest>,
    demandCaller: (nodeId: string) => void,
    signal: AbortSignal,
  ): AsyncGenerator<AttachResponse> {
    const { fleet, clock } = this.#options;
    const messages = requests[Symbol.asyncIterator]();
    const nodeId = await this.#accept(messages, demandCaller, signal);
    yield create(AttachResponseSchema, { frame: create(EngineBoundSchema), protocol: this.#protocol });

    const outgoing = Promise.withResolvers<AsyncIterable<EngineBound>>();
    const relay = openNodeRelay({
      nodeId,
      exchange: (frames, relaySignal) => {
        outgoing.resolve(frames);
        return untilAborted(fromNode(messages), relaySignal);
      },
      fleet,
      clock,
      showsLife: true,
    });
    const leave = () => relay.close(new MeshError("node_lost", `Node \`${nodeId}\` went away.`));
    signal.addEventListener("abort", leave, { once: true });
    try {
      if (signal.aborted) leave();
      for await (const frame of await outgoing.promise) yield toResponse(frame);
      throw await relay.closed;
    } finally {
      signal.removeEventListener("abort", leave);
      leave();
    }
  }

  /** Returns the node's id. */
  async #accept(
    messages: AsyncIterator<AttachRequest>,
    demandCaller: (nodeId: string) => void,
    signal: AbortSignal,
  ): Promise<string> {
    const limit = linkSignal(signal);
    const timer = this.#options.clock.after(helloTimeoutMs, () =>
      limit.abort(
        new MeshError("unauthenticated", "The node did not say who it is in time: send a Hello first."),
      ),
    );
    try {
      const first = await orAborted(messages.next(), limit.signal);
      const message = first.done === true ? undefined : first.value.message;
      if (message?.case !== "hello")
        throw new MeshError("invalid_request", "The first message of Attach must be a Hello.");
      const { nodeId } = message.value;
      demandCaller(nodeId);
      this.#demandProtocol(message.value);
      if (!this.#options.fleet.isRevoked(nodeId)) await this.#checkLease(message.value, limit.signal);
      // It may have been revoked meanwhile.
      if (this.#options.fleet.isRevoked(nodeId)) throw revoked(nodeId);
      return nodeId;
    } finally {
      timer.cancel();
      limit.unlink();
    }
  }

  #demandProtocol({ nodeId, protocol }: AttachRequest_Hello): void {
    try {
      demandProtocol({ other: "node", self: "router" }, protocol, this.#protocol);
      this.#mismatches.delete(nodeId);
    } catch (error) {
      this.#mismatches.add(nodeId, toMeshError(error).message);
      throw error;
    }
  }

  async #checkLease({ nodeId, leaseId }: AttachRequest_Hello, signal: AbortSignal): Promise<void> {
    const { registry, fleet } = this.#options;
    let holder: string;
    try {
      holder = (await createClient(RegistryService, registry).renewLease({ leaseId }, { signal })).nodeId;
    } catch (error) {
      const failure = toMeshError(error);
      if (failure.kind === "invalid_request") throw wrongLease(nodeId, failure);
      // While the registry is away, only a node that was here with the same lease may attach.
      if (fleet.isListed(nodeId) && this.#leases.get(nodeId) === leaseId) return;
      throw new MeshError("no_nodes", "The registry cannot confirm the lease now: attach again soon.", {
        retryAfterMs: 1000,
        cause: error,
      });
    }
    if (holder !== nodeId) throw wrongLease(nodeId);
    if (this.#leases.size >= leaseLimit)
      for (const id of this.#leases.keys()) if (!fleet.isListed(id)) this.#leases.delete(id);
    this.#leases.set(nodeId, leaseId);
  }
}

const revoked = (nodeId: string): MeshError =>
  new MeshError("unauthenticated", `The operator of this mesh has removed node ${nodeId}.`, {
    code: "node_revoked",
  });

function wrongLease(nodeId: string, cause?: unknown): MeshError {
  return new MeshError(
    "unauthenticated",
    `Node \`${nodeId}\` does not hold this lease: register with the registry, then attach with the lease it gives.`,
    { cause, code: "lease_lapsed" },
  );
}

async function* fromNode(messages: AsyncIterator<AttachRequest>): AsyncGenerator<ClientBound> {
  for (;;) {
    const { value, done } = await messages.next();
    if (done === true) return;
    if (value.message.case !== "frame")
      throw new MeshError("invalid_request", "After the Hello only frames may follow.");
    yield value.message.value;
  }
}

const toResponse = (frame: EngineBound): AttachResponse => create(AttachResponseSchema, { frame });
