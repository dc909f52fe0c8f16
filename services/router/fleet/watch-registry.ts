import { createClient, type Transport } from "@connectrpc/connect";
import { Backoff } from "../../../core/backoff.ts";
import { type Clock, sleep } from "../../../core/clock.ts";
import { MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import { scoped } from "../../../core/streams/scoped.ts";
import type { Log } from "../../../core/telemetry/log.ts";
import { RegistryService } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { follow, type Listing } from "./listing.ts";

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
