import { create } from "@bufbuild/protobuf";
import type { RelayClient } from "../../../core/relay/contract.ts";
import { type Node, NodeSchema } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Load, ModelLoad } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import { hashOf } from "../routing/rendezvous-hash.ts";
import { ModelEndpoint, type NodeState, type SnapshotTime } from "./endpoint.ts";

/** One node: what the registry says of it, what its relay says, and its endpoint for each model. */
export class Member implements NodeState {
  readonly id: string;
  readonly idHash: number;
  /** Its record, as last listed; empty before. */
  node: Node;
  /** What the registry says. `unheard` is a node that attached before the registry told of it. */
  registration: "unheard" | "alive" | "gone" = "unheard";
  /** Whether it may be picked: the registry's word, tempered by the fleet. */
  listed = false;
  /** The relay that new generations ride, which stands and has spoken; undefined when there is none. */
  relay: RelayClient | undefined;
  /** Its endpoint for each model, by name. */
  endpoints: ReadonlyMap<string, ModelEndpoint> = new Map();
  readonly #time: SnapshotTime;
  #toldDraining = false;

  constructor(id: string, time: SnapshotTime) {
    this.id = id;
    this.idHash = hashOf(id);
    this.node = create(NodeSchema, { id });
    this.#time = time;
  }

  get connected(): boolean {
    return this.relay !== undefined;
  }

  /** True once it takes no new generations, by the word of registry or relay, whichever knows first. */
  get draining(): boolean {
    return this.node.draining || this.#toldDraining;
  }

  /** Takes a record; what was learned of models that it still serves is kept. */
  describe(node: Node): void {
    const former = this.endpoints;
    const told = byModel(this.relay?.load);
    this.node = node;
    this.endpoints = new Map(
      node.models.map((served) => {
        const kept = former.get(served.model);
        kept?.describe(served);
        const endpoint = kept ?? new ModelEndpoint(this, served, this.#time);
        if (kept === undefined) endpoint.tell(told.get(served.model));
        return [served.model, endpoint];
      }),
    );
  }

  /** Takes what the relay tells; undefined when the relay is gone. */
  tell(load: Load | undefined): void {
    this.#toldDraining = load?.draining ?? false;
    const told = byModel(load);
    for (const [model, endpoint] of this.endpoints) endpoint.tell(told.get(model));
  }
}

const byModel = (load: Load | undefined): Map<string, ModelLoad> =>
  new Map(load?.models.map((told) => [told.model, told]));
