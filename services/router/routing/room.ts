import type { Candidate } from "./candidate.ts";
import { leastKnown, readFigures } from "./figures.ts";
import { isAble, type RouteRequest } from "./filters.ts";
import { known } from "./scorers/scorer.ts";

/**
 * Whether a generation can start: a node that can have it has a free slot, all are busy, none is connected, or there is
 * none. Nodes that are silent or were ejected for failures count only when there are no others, as in the ranking.
 */
export type Room = "free" | "full" | "unconnected" | "none";

/** Looks for room with the filters of the ranking. */
export function findRoom(request: RouteRequest, candidates: readonly Candidate[]): Room {
  let room: Room = "none";
  let freeThoughEjected = false;
  let healthy = false;
  for (const candidate of candidates) {
    if (isAble(candidate, request)) {
      room = "full";
      const free = candidate.occupied < candidate.slots;
      // One more full node changes nothing once a healthy one is known.
      if (!free && healthy) continue;
      const ejected = candidate.suspected || candidate.ejected === "failing";
      if (free && !ejected) return "free";
      if (ejected) freeThoughEjected ||= free;
      else healthy = true;
    } else if (room === "none" && isOutOfReach(candidate, request)) room = "unconnected";
  }
  return freeThoughEjected && !healthy ? "free" : room;
}

/** Whether a node could have the generation if it were connected. */
const isOutOfReach = ({ served, listed, connected, draining, offers }: Candidate, { needs }: RouteRequest) =>
  served !== undefined && listed && !connected && !draining && (needs & ~offers) === 0;

/** Generations per millisecond that the nodes for this one finish when all are busy; undefined while none has. */
export function workRate(request: RouteRequest, candidates: readonly Candidate[]): number | undefined {
  const { slots, serviceMs } = readFigures(candidates.filter((candidate) => isAble(candidate, request)));
  const hopedMs = leastKnown(serviceMs);
  if (Number.isNaN(hopedMs)) return undefined;
  const perMs = slots.reduce(
    (sum, count, index) => sum + count / Math.max(1, known(serviceMs[index], hopedMs)),
    0,
  );
  return perMs > 0 ? perMs : undefined;
}
