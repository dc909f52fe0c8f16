import { create } from "@bufbuild/protobuf";
import type { RelayClient } from "../../../core/relay/contract.ts";
import { type Node, NodeSchema } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Load, ModelLoad } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import type { Candidate } from "../routing/candidate.ts";
import { hashOf } from "../routing/rendezvous-hash.ts";
import { ModelEndpoint, type NodeState, type SnapshotTime } from "./endpoint.ts";

/** One node as registry and relay report it, with its endpoint for each model. */
export class Member implements NodeState {
  readonly id: string;
  readonly idHash: number;
  /** As last listed; empty before. */
  node: Node;
  /** What the registry reports; `unknown` while the node has attached but not been listed. */
  registration: "unknown" | "alive" | "gone" = "unknown";
  /** Whether it may be picked: by the registry's report, unless the fleet disbelieves it. */
  listed = false;
  /** The relay for new generations, which has reported its load. */
  relay: RelayClient | undefined;
  endpoints: ReadonlyMap<string, ModelEndpoint> = new Map();
  readonly #time: SnapshotTime;
  #reportedDraining = false;

  constructor(id: string, time: SnapshotTime) {
    this.id = id;
    this.idHash = hashOf(id);
    this.node = create(NodeSchema, { id });
    this.#time = time;
  }

  get connected(): boolean {
    return this.relay !== undefined;
  }

  get suspected(): boolean {
    return this.relay?.suspected === true;
  }

  /** True once registry or relay, whichever knows first, reports that it takes no new generations. */
  get draining(): boolean {
    return this.node.draining || this.#reportedDraining;
  }

  describe(node: Node): void {
    const former = this.endpoints;
    const loads = byModel(this.relay?.load);
    this.node = node;
    this.endpoints = new Map(
      node.models.map((served) => {
        const kept = former.get(served.model);
        kept?.describe(served);
        const endpoint = kept ?? new ModelEndpoint(this, served, this.#time);
        if (kept === undefined) endpoint.report(loads.get(served.model));
        return [served.model, endpoint];
      }),
    );
  }

  /** Takes the load that its relay reports; undefined when the relay has ended. */
  report(load: Load | undefined): void {
    this.#reportedDraining = load?.draining ?? false;
    const loads = byModel(load);
    for (const [model, endpoint] of this.endpoints) endpoint.report(loads.get(model));
  }

  /** The node as routing sees it for a model, also for one that it does not serve. */
  candidate(model: string): Candidate {
    const { node, idHash, listed, connected, draining, suspected } = this;
    return (
      this.endpoints.get(model) ?? { ...notServed, node, idHash, listed, connected, draining, suspected }
    );
  }
}

const byModel = (load: Load | undefined): Map<string, ModelLoad> =>
  new Map(load?.models.map((modelLoad) => [modelLoad.model, modelLoad]));

const notServed: Omit<Candidate, keyof NodeState> = {
  served: undefined,
  offers: 0,
  ejected: undefined,
  whyEjected: "",
  slots: 0,
  running: 0,
  waiting: 0,
  occupied: 0,
  firstTokenMs: undefined,
  tokenMs: undefined,
  measuredTokenMs: undefined,
  serviceMs: undefined,
};
