import { createClient, type Transport } from "@connectrpc/connect";
import { Backoff } from "../../../core/backoff.ts";
import { type Clock, sleep } from "../../../core/clock.ts";
import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import { scoped } from "../../../core/streams/scoped.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import {
  type Node,
  RegistryService,
  type WatchNodesResponse,
} from "../../../gen/cxmpute/registry/v1/registry_pb.ts";

/** The registered nodes, at one revision. */
export interface Listing {
  readonly epoch: string;
  readonly revision: bigint;
  readonly nodes: ReadonlyMap<string, Node>;
  readonly revoked: ReadonlySet<string>;
}

/** How to watch the registry. */
export interface WatchOptions {
  readonly registry: Transport;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** Called with each new listing and the one that it replaces. */
  readonly onListing: (listing: Listing, former: Listing | undefined) => void;
}

/** Watches the registry until the signal aborts, again after at most 5 s when the watch ends. Never rejects. */
export async function watchRegistry(options: WatchOptions, signal: AbortSignal): Promise<void> {
  const { registry, clock, random, log, onListing } = options;
  const client = createClient(RegistryService, registry);
  const backoff = new Backoff({ firstMs: 100, limitMs: 5000, random });
  let listing: Listing | undefined;
  let away = false;
  while (!signal.aborted) {
    let reason: unknown = new MeshError("no_nodes", "The registry ended the watch.");
    try {
      // Each watch starts with a snapshot; its changes follow that, not what was known before.
      let watched: Listing | undefined;
      for await (const response of scoped(signal, (scope) => client.watchNodes({}, { signal: scope }))) {
        const former = listing;
        watched = follow(response.event.case === "snapshot" ? listing : watched, response);
        listing = watched;
        backoff.reset();
        if (away)
          log.info(
            { epoch: listing.epoch, revision: listing.revision.toString() },
            "registry reachable again",
          );
        away = false;
        onListing(listing, former);
      }
    } catch (error) {
      reason = error;
    }
    if (signal.aborted) return;
    if (!away)
      log.warn({ reason: toMeshError(reason).message }, "registry unreachable; using its last listing");
    away = true;
    await sleep(clock, backoff.next(), signal).catch(() => {});
  }
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
