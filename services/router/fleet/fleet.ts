import type { Clock, Timer } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { RelayClient } from "../../../core/relay/contract.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import type { Node } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Load } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { ModelEndpoint, SnapshotTime } from "./endpoint.ts";
import { Member } from "./member.ts";
import { Reservation } from "./reservation.ts";

/** How long nodes get to register again with a registry that lost its memory: more than its usual lease. */
const recoveryMs = 15_000;
/** So many names of models are remembered; beyond, the one that was seen first is forgotten. */
const memoryLimit = 10_000;

/**
 * All nodes that this router knows: who is there by the registry's word, how they are by their relays' word. The
 * lists it gives out are never changed, but replaced.
 */
export class Fleet {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #time: SnapshotTime;
  readonly #members = new Map<string, Member>();
  /** When each model was first seen, in milliseconds since 1970; kept when nobody serves it any more. */
  readonly #seen = new Map<string, number>();
  #endpoints: ReadonlyMap<string, readonly ModelEndpoint[]> = new Map();
  #revoked: ReadonlySet<string> = new Set();
  /** Every relay that stands, also those that only finish what is open on them, with its node's id. */
  readonly #relays = new Map<RelayClient, string>();
  #informed = false;
  #recovery: Timer | undefined;
  #listener: () => void = () => {};

  constructor({ clock, log }: { clock: Clock; log: Log }) {
    this.#clock = clock;
    this.#log = log;
    this.#time = { now: clock.now() };
  }

  /** Whether the registry has been heard at all. */
  get informed(): boolean {
    return this.#informed;
  }

  /** Calls back whenever a generation may have got room, or has lost its last hope of it. */
  onChange(listener: () => void): void {
    this.#listener = listener;
  }

  /**
   * Takes the registry's word on who is there; `memoryLost` when it has begun anew and cannot know them all yet.
   * Nodes that are `revoked` are cut at once, whatever is open on them: that word is always believed.
   */
  list(
    nodes: ReadonlyMap<string, Node>,
    {
      memoryLost = false,
      revoked = this.#revoked,
    }: { memoryLost?: boolean; revoked?: ReadonlySet<string> } = {},
  ): void {
    this.#informed = true;
    if (revoked !== this.#revoked) this.#cut(revoked);
    if (memoryLost) {
      this.#recovery?.cancel();
      this.#recovery = this.#clock.after(recoveryMs, () => {
        this.#recovery = undefined;
        this.#settle();
      });
    }
    for (const node of nodes.values()) {
      const member = this.#member(node.id);
      member.registration = "alive";
      if (member.node !== node) {
        member.describe(node);
        for (const { model } of node.models) this.#remember(model);
      }
    }
    for (const member of this.#members.values())
      if (member.registration === "alive" && !nodes.has(member.id)) member.registration = "gone";
    this.#settle();
  }

  /** A relay to a node stands and has spoken: it carries new generations. A former one only finishes its own. */
  connect(nodeId: string, relay: RelayClient): void {
    if (this.isRevoked(nodeId)) {
      relay.close(revokedReason(nodeId));
      return;
    }
    this.#relays.set(relay, nodeId);
    void relay.closed.then(() => this.#relays.delete(relay));
    const member = this.#member(nodeId);
    const former = member.relay;
    member.relay = relay;
    member.tell(relay.load);
    if (former?.open === 0) former.close(replaced(nodeId));
    this.#log.info({ node_id: nodeId }, "node connected");
    this.#settle();
    void relay.closed.then((reason) => {
      if (member.relay !== relay) return;
      member.relay = undefined;
      member.tell(undefined);
      const level = reason.kind === "cancelled" ? "debug" : "warn";
      this.#log[level]({ node_id: nodeId, reason: reason.message }, "relay to node ended");
      this.#settle();
    });
  }

  /** A relay tells its node's load. */
  tell(nodeId: string, relay: RelayClient, load: Load): void {
    const member = this.#members.get(nodeId);
    if (member?.relay !== relay) return;
    member.tell(load);
    this.#listener();
  }

  /** Whether a node may be picked as far as the registry is concerned. */
  isListed(nodeId: string): boolean {
    return this.#members.get(nodeId)?.listed === true;
  }

  /** Whether a node was thrown out of the mesh for good. */
  isRevoked(nodeId: string): boolean {
    return this.#revoked.has(nodeId);
  }

  /** Whether a relay to a node stands and has spoken. */
  isConnected(nodeId: string): boolean {
    return this.#members.get(nodeId)?.connected === true;
  }

  /** Every node that serves a model, ready or not. */
  candidates(model: string): readonly Candidate[] {
    this.#time.now = this.#clock.now();
    return this.#endpoints.get(model) ?? [];
  }

  /** Every node, whether it serves the model or not. */
  everyone(model: string): readonly Candidate[] {
    this.#time.now = this.#clock.now();
    return [...this.#members.values()].map((member) => member.endpoints.get(model) ?? toCandidate(member));
  }

  /** Whether some node has served the model in this router's life. */
  knows(model: string): boolean {
    return this.#seen.has(model);
  }

  /** When a model was first seen, in milliseconds since 1970. */
  seenSince(model: string): number {
    return this.#seen.get(model) ?? this.#clock.wallTime();
  }

  /** Models that some node serves, ready or not, in order of name. */
  get models(): readonly string[] {
    return [...this.#endpoints.keys()].sort();
  }

  /** Takes a reservation for a generation of `model` on a node, which counts at once. */
  take(nodeId: string, model: string): Reservation {
    const member = this.#members.get(nodeId);
    const endpoint = member?.endpoints.get(model);
    const relay = member?.relay;
    if (member === undefined || endpoint === undefined || relay === undefined)
      throw new MeshError("node_lost", `Node \`${nodeId}\` went away.`);
    return new Reservation({
      endpoint,
      relay,
      clock: this.#clock,
      mayEject: () => this.#mayEject(model),
      onEject: () => this.#log.warn({ node_id: nodeId, model }, "node ejected after failures in a row"),
      onLeave: () => {
        if (member.relay !== relay && relay.open === 0) relay.close(replaced(nodeId));
        this.#listener();
      },
    });
  }

  /** Ends all relays. */
  close(reason: MeshError): void {
    this.#recovery?.cancel();
    for (const { relay } of this.#members.values()) relay?.close(reason);
  }

  /** Ends everything with nodes that were thrown out; what was open on them goes elsewhere. */
  #cut(revoked: ReadonlySet<string>): void {
    const cut = new Set([...revoked].filter((id) => !this.#revoked.has(id)));
    this.#revoked = revoked;
    for (const [relay, nodeId] of [...this.#relays])
      if (cut.has(nodeId)) {
        this.#log.warn({ node_id: nodeId }, "node revoked; relay closed");
        relay.close(revokedReason(nodeId));
      }
  }

  #remember(model: string): void {
    if (this.#seen.has(model)) return;
    this.#seen.set(model, this.#clock.wallTime());
    if (this.#seen.size <= memoryLimit) return;
    for (const first of this.#seen.keys()) {
      this.#seen.delete(first);
      return;
    }
  }

  #member(id: string): Member {
    let member = this.#members.get(id);
    if (member === undefined) {
      member = new Member(id, this.#time);
      this.#members.set(id, member);
    }
    return member;
  }

  /**
   * Decides who may be picked, and forgets who is gone. The registry may have lost its memory or its sight: in the
   * first case for a while, and whenever by its word more than half of the fleet is gone, those whose relay stands
   * stay.
   */
  #settle(): void {
    const members = [...this.#members.values()];
    const connected = members.filter(({ relay }) => relay !== undefined);
    const alive = connected.filter(({ registration }) => registration === "alive").length;
    const doubtful = connected.filter(({ registration }) => registration === "gone");
    const disbelieved = this.#recovery !== undefined || doubtful.length > alive;
    for (const member of members) {
      const listed = member.registration === "alive" || (disbelieved && doubtful.includes(member));
      if (member.listed && !listed) this.#log.info({ node_id: member.id }, "node left");
      member.listed = listed;
      if (member.registration !== "alive" && member.relay === undefined) this.#members.delete(member.id);
    }
    const endpoints = new Map<string, ModelEndpoint[]>();
    for (const member of this.#members.values())
      for (const [model, endpoint] of member.endpoints) {
        const row = endpoints.get(model);
        if (row === undefined) endpoints.set(model, [endpoint]);
        else row.push(endpoint);
      }
    this.#endpoints = endpoints;
    this.#listener();
  }

  /** At most half of the nodes that serve a model are ejected at the same time. */
  #mayEject(model: string): boolean {
    const endpoints = this.candidates(model);
    const ejected = endpoints.filter(({ ejectedMs }) => ejectedMs > 0).length;
    return 2 * (ejected + 1) <= endpoints.length;
  }
}

const replaced = (nodeId: string): MeshError =>
  new MeshError("node_lost", `A newer relay to node \`${nodeId}\` took over.`);

const revokedReason = (nodeId: string): MeshError =>
  new MeshError("node_lost", `Node \`${nodeId}\` was removed from the mesh.`);

/** A node that does not serve the model in question. */
function toCandidate({ node, idHash, listed, connected, draining }: Member): Candidate {
  return {
    node,
    idHash,
    served: undefined,
    offers: 0,
    listed,
    connected,
    draining,
    ejectedMs: 0,
    slots: 0,
    running: 0,
    waiting: 0,
    occupied: 0,
    firstTokenMs: undefined,
    tokenMs: undefined,
    measuredTokenMs: undefined,
    serviceMs: undefined,
  };
}
