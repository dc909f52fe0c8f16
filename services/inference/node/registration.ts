import { createClient } from "@connectrpc/connect";
import { type Clock, sleep } from "../../../core/clock.ts";
import { type MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import { demandProtocol, protocol } from "../../../core/protocol.ts";
import { within } from "../../../core/streams/within.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import {
  type Node,
  type NodeProcess,
  RegistryService,
} from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { clockSkewLimitMs, nodeMessages } from "./messages.ts";
import { Outage, type Peer } from "./outage.ts";

interface RegistrationOptions {
  readonly registry: Peer;
  readonly describe: () => Node;
  readonly process: NodeProcess;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** As in `Outage`. */
  readonly onMismatch: (fault: string | undefined) => void;
  /** Called when the registry has removed this node for good; no attempt follows. */
  readonly onRevoked?: ((error: MeshError) => void) | undefined;
}

/** How long the registry may take to answer a call, in milliseconds. */
const callLimitMs = 5000;
/** How long deregistering may take, in milliseconds; the lease lapses anyway. */
const farewellLimitMs = 1000;

/**
 * Keeps one node in the registry, retrying forever while that is away; routers keep their last snapshot:
 *     register ──▶ wait ttl/3 ──▶ renew ──▶ wait ttl/3 ──▶ …
 *         ▲                          │ the lease has lapsed
 *         └── the record changed ────┘
 */
export class Registration {
  readonly #options: RegistrationOptions;
  readonly #client;
  readonly #outage: Outage;
  readonly #lifetime = new AbortController();
  #next = Promise.withResolvers<void>();
  #wake = new AbortController();
  #stale = true;
  #ending = false;
  #skewed = false;
  #leaseId: string | undefined;
  #ttlMs = 0;
  #running: Promise<void> | undefined;
  #ended: Promise<void> | undefined;

  constructor(options: RegistrationOptions) {
    const { transport, name } = options.registry;
    this.#options = options;
    this.#client = createClient(RegistryService, transport);
    this.#outage = new Outage({
      ...options,
      away: nodeMessages.registryAway(name),
      refuses: nodeMessages.registryRefuses(name),
      inUse: nodeMessages.nameInUse,
      mismatch: (fault) => nodeMessages.registryMismatch(name, fault),
    });
    // Handled by callers of `start`, if any.
    this.#next.promise.catch(() => {});
  }

  /** The latest lease; undefined before the first. */
  get leaseId(): string | undefined {
    return this.#leaseId;
  }

  /** Resolves once the node is registered. Rejects when the registry refuses it for good. */
  start(): Promise<void> {
    this.#running ??= this.#run();
    return this.#next.promise;
  }

  /** Registers again as soon as possible: the record has changed, or a router does not know the lease. */
  announce(): void {
    this.#stale = true;
    this.#wake.abort();
  }

  /** The same; resolves once that is done. */
  renewed(): Promise<void> {
    this.announce();
    return this.#next.promise;
  }

  /** After a sleep: registers again at once, without the backoff of earlier failures. */
  wake(): void {
    this.#outage.reset();
    this.announce();
  }

  /** Deregisters and stops. Never rejects. */
  end(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#ending) {
      this.#wake = new AbortController();
      const waitMs = await this.#attempt();
      if (waitMs > 0) await sleep(clock, waitMs, this.#wake.signal).catch(() => {});
    }
  }

  /** Registers or renews; returns how long to wait afterwards, in milliseconds. */
  async #attempt(): Promise<number> {
    const registering = this.#stale;
    this.#stale = false;
    try {
      if (registering) await this.#register();
      else await this.#renew();
      const { log, registry } = this.#options;
      if (this.#outage.end()) log.warn(nodeMessages.registryBack(registry.name));
      if (this.#stale) return 0;
      return Math.max(100, (this.#ttlMs / 3) * (1 - 0.2 * this.#options.random()));
    } catch (thrown) {
      return this.#onFailure(toMeshError(thrown), registering);
    }
  }

  async #register(): Promise<void> {
    const node = this.#options.describe();
    const versions = { protocolVersion: protocol.current, oldestProtocolVersion: protocol.oldest };
    const { leaseId, ttlMs, ...answer } = await this.#call((signal) =>
      this.#client.registerNode({ node, process: this.#options.process, ...versions }, { signal }),
    );
    demandProtocol(
      { other: "registry", self: "node" },
      { current: answer.protocolVersion, oldest: answer.oldestProtocolVersion },
    );
    this.#compareClocks(Number(answer.nowMs));
    this.#leaseId = leaseId;
    this.#ttlMs = ttlMs;
    this.#next.resolve();
    this.#next = Promise.withResolvers();
    const models = node.models.map(({ model }) => model);
    this.#options.log.info({ node_id: node.id, models, draining: node.draining }, "registered");
  }

  /** Warns each time the clocks start to differ. */
  #compareClocks(registryMs: number): void {
    const { clock, log } = this.#options;
    const skewMs = registryMs === 0 ? 0 : clock.wallTime() - registryMs;
    const differs = Math.abs(skewMs) > clockSkewLimitMs;
    if (differs && !this.#skewed) log.warn({ skew_ms: Math.round(skewMs) }, nodeMessages.clockSkew(skewMs));
    this.#skewed = differs;
  }

  async #renew(): Promise<void> {
    const leaseId = this.#leaseId ?? "";
    const { ttlMs } = await this.#call((signal) => this.#client.renewLease({ leaseId }, { signal }));
    this.#ttlMs = ttlMs;
  }

  #call<T>(attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return within(this.#options.clock, callLimitMs, this.#lifetime.signal, attempt);
  }

  #onFailure(error: MeshError, registering: boolean): number {
    const refused = refusals.has(error.kind);
    if (registering || refused) this.#stale = true;
    // A refused renewal means that the lease has lapsed.
    if (refused && !registering) return 0;
    if (refused && this.#leaseId === undefined) {
      this.#next.reject(error);
      this.#ending = true;
      return 0;
    }
    if (error.code === revokedCode) {
      this.#ending = true;
      this.#options.onRevoked?.(error);
      return 0;
    }
    return this.#ending ? 0 : this.#outage.fail(error);
  }

  async #end(): Promise<void> {
    const { clock } = this.#options;
    this.#ending = true;
    this.#wake.abort();
    // An attempt under way may bring a lease that must be returned.
    const farewell = async (signal: AbortSignal) => {
      await this.#running;
      const leaseId = this.#leaseId;
      if (leaseId !== undefined) await this.#client.deregisterNode({ leaseId }, { signal });
    };
    try {
      await within(clock, farewellLimitMs, this.#lifetime.signal, farewell);
    } catch (error) {
      this.#options.log.debug({ err: error }, "the registry could not be informed that the node is leaving");
    } finally {
      this.#lifetime.abort();
    }
  }
}

/** Refusals of what was sent, whatever the registry's state. */
const refusals = new Set<MeshError["kind"]>(["invalid_request", "unauthenticated", "model_not_found"]);
const revokedCode = "node_revoked";
