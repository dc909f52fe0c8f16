import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Node, WatchNodesResponse } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";

/** The registered nodes, at one revision. */
export interface Listing {
  readonly epoch: string;
  readonly revision: bigint;
  readonly nodes: ReadonlyMap<string, Node>;
  /** Ids of nodes that were removed for good. */
  readonly revoked: ReadonlySet<string>;
}

/** The listing after an event. Throws when the event is not newer than the listing: then the caller watches again. */
export function follow(listing: Listing | undefined, { event }: WatchNodesResponse): Listing {
  if (event.case === "snapshot") {
    const { epoch, revision, nodes } = event.value;
    if (listing !== undefined && listing.epoch === epoch && revision < listing.revision)
      throw outOfOrder(`a snapshot of revision ${revision} after revision ${listing.revision}`);
    const revoked = new Set(event.value.revoked);
    return { epoch, revision, nodes: new Map(nodes.map((node) => [node.id, node])), revoked };
  }
  if (event.case !== "change") throw outOfOrder("an event of an unknown kind");
  if (listing === undefined) throw outOfOrder("a change before the snapshot");
  const { revision, change } = event.value;
  if (revision <= listing.revision)
    throw outOfOrder(`revision ${revision} after revision ${listing.revision}`);
  const { epoch } = listing;
  const nodes = new Map(listing.nodes);
  if (change.case === "upserted") nodes.set(change.value.id, change.value);
  else if (change.case !== undefined) nodes.delete(change.value);
  const revoked = change.case === "revoked" ? new Set([...listing.revoked, change.value]) : listing.revoked;
  return { epoch, revision, nodes, revoked };
}

function outOfOrder(what: string): MeshError {
  return new MeshError("internal", `The registry sent ${what}.`);
}
