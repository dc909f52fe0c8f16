import { catalogueNames } from "../../../core/catalogue/catalogue-names.ts";
import type { Clock, Timer } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { RelayClient } from "../../../core/relay/contract.ts";
import { MoveLimit } from "../../../core/relay/move-limit.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { Node } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Load } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Knowledge } from "../routing/refuse.ts";
import type { SnapshotTime } from "./endpoint.ts";
import { Member } from "./member.ts";
import { ModelIndex } from "./model-index.ts";
import { NodeRelays } from "./node-relays.ts";
import { OutlierDetector } from "./outlier-detector.ts";
import { Reservation } from "./reservation.ts";

/** How long nodes get to register again with a registry that lost its memory: more than its usual lease. */
const recoveryMs = 15_000;

/** All nodes that this router knows, as registry and relays report them. Lists that it returns are never changed. */
export class Fleet {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #time: SnapshotTime;
  readonly #members = new Map<string, Member>();
  readonly #models: ModelIndex;
  readonly #names: ReadonlySet<string>;
  readonly #relays: NodeRelays;
  /** Of generations on nodes that are suspected. */
  readonly moves = new MoveLimit();
  readonly #outliers: OutlierDetector;
  #informed = false;
  #recovery: Timer | undefined;
  #listener: () => void = () => {};

  /** `names`: models that exist, whether some node has served them or not; default: the catalogue's. */
  constructor({
    clock,
    log,
    names = catalogueNames(),
  }: {
    clock: Clock;
    log: Log;
    names?: ReadonlySet<string>;
  }) {
    this.#names = names;
    this.#clock = clock;
    this.#log = log;
    this.#time = { now: clock.now() };
    this.#models = new ModelIndex(clock);
    this.#relays = new NodeRelays(log);
    this.#outliers = new OutlierDetector({ clock, log });
  }

  /** Calls back whenever a waiting generation may have got room, or can get none any more. */
  onChange(listener: () => void): void {
    this.#listener = listener;
  }

  /**
   * Takes the registry's listing; `memoryLost` when it has restarted and may not know all nodes. Revocations are always
   * believed: relays to those nodes close at once.
   */
  list(
    nodes: ReadonlyMap<string, Node>,
    { memoryLost = false, revoked }: { memoryLost?: boolean; revoked?: ReadonlySet<string> } = {},
  ): void {
    this.#informed = true;
    if (revoked !== undefined) this.#relays.revoke(revoked);
    if (memoryLost) {
      this.#recovery?.cancel();
      this.#recovery = this.#clock.after(recoveryMs, () => {
        this.#recovery = undefined;
        this.#update();
      });
    }
    for (const node of nodes.values()) {
      const member = this.#member(node.id);
      member.registration = "alive";
      if (member.node === node) continue;
      member.describe(node);
      for (const { model } of node.models) this.#models.remember(model);
    }
    for (const member of this.#members.values())
      if (member.registration === "alive" && !nodes.has(member.id)) member.registration = "gone";
    this.#update();
  }

  /** Sends new generations through a relay that has reported its load. A former relay only finishes its own. */
  connect(nodeId: string, relay: RelayClient): void {
    if (!this.#relays.add(nodeId, relay)) return;
    const member = this.#member(nodeId);
    const former = member.relay;
    member.relay = relay;
    member.report(relay.load);
    if (former?.open === 0) former.close(replaced(nodeId));
    this.#log.info({ node_id: nodeId }, "node connected");
    this.#update();
    void relay.closed.then((reason) => {
      if (member.relay !== relay) return;
      member.relay = undefined;
      member.report(undefined);
      const level = reason.kind === "cancelled" ? "debug" : "warn";
      this.#log[level]({ node_id: nodeId, reason: reason.message }, "relay to node ended");
      this.#update();
    });
  }

  /** Takes the load that a node reports; ignored from a relay that was replaced. */
  report(nodeId: string, relay: RelayClient, load: Load): void {
    const member = this.#members.get(nodeId);
    if (member?.relay !== relay) return;
    member.report(load);
    this.#listener();
  }

  /** Whether a node may be picked as far as the registry is concerned. */
  isListed(nodeId: string): boolean {
    return this.#members.get(nodeId)?.listed === true;
  }

  isRevoked(nodeId: string): boolean {
    return this.#relays.isRevoked(nodeId);
  }

  isConnected(nodeId: string): boolean {
    return this.#members.get(nodeId)?.connected === true;
  }

  /** Whether a relay is the one that a node's new generations go through. */
  isCurrent(nodeId: string, relay: RelayClient): boolean {
    return this.#members.get(nodeId)?.relay === relay;
  }

  /** Every node that serves a model, ready or not. */
  candidates(model: string): readonly Candidate[] {
    this.#time.now = this.#clock.now();
    return this.#models.endpoints(model);
  }

  /** Also nodes that do not serve the model. */
  allNodes(model: string): readonly Candidate[] {
    this.#time.now = this.#clock.now();
    return [...this.#members.values()].map((member) => member.candidate(model));
  }

  /** What is known of a model, served now or not. */
  knowledgeOf(model: string): Knowledge {
    const { isEmpty } = this.#models;
    const hasBeenServed = this.#models.firstSeen(model) !== undefined;
    return {
      informed: this.#informed,
      isUnused: isEmpty,
      known: isEmpty || hasBeenServed || this.#names.has(model),
    };
  }

  /** When a model was first seen, in milliseconds since 1970. */
  seenSince(model: string): number {
    return this.#models.firstSeen(model) ?? this.#clock.wallTime();
  }

  /** Models that some node serves, ready or not, in order of name. */
  get models(): readonly string[] {
    return this.#models.names;
  }

  /** Reserves room for a generation of `model` on a node; throws `node_lost` when the node has gone. */
  reserve(nodeId: string, model: string): Reservation {
    const member = this.#members.get(nodeId);
    const endpoint = member?.endpoints.get(model);
    const relay = member?.relay;
    if (member === undefined || endpoint === undefined || relay === undefined)
      throw new MeshError("node_lost", "The node went away.");
    return new Reservation({
      endpoint,
      relay,
      clock: this.#clock,
      onLeave: (outcome, isTrial) => {
        this.#outliers.onEnd(model, endpoint, this.#models.endpoints(model), outcome, isTrial);
        if (member.relay !== relay && relay.open === 0) relay.close(replaced(nodeId));
        this.#listener();
      },
    });
  }

  close(reason: MeshError): void {
    this.#recovery?.cancel();
    for (const { relay } of this.#members.values()) relay?.close(reason);
  }

  #member(id: string): Member {
    const member = this.#members.get(id) ?? new Member(id, this.#time);
    this.#members.set(id, member);
    return member;
  }

  /**
   * Decides which nodes may be picked, and forgets those that are gone. For `recoveryMs` after the registry restarted,
   * and while it reports more than half of the connected nodes gone, connected nodes stay listed.
   */
  #update(): void {
    const members = [...this.#members.values()];
    const connected = members.filter((member) => member.connected);
    const alive = connected.filter(({ registration }) => registration === "alive").length;
    const doubtful = new Set(connected.filter(({ registration }) => registration === "gone"));
    const disbelieved = this.#recovery !== undefined || doubtful.size > alive;
    for (const member of members) {
      const listed = member.registration === "alive" || (disbelieved && doubtful.has(member));
      if (member.listed && !listed) this.#log.info({ node_id: member.id }, "node left");
      member.listed = listed;
      if (member.registration !== "alive" && !member.connected) this.#members.delete(member.id);
    }
    this.#models.index(this.#members.values());
    this.#listener();
  }
}

const replaced = (nodeId: string): MeshError =>
  new MeshError("node_lost", `A newer relay to node \`${nodeId}\` took over.`);
