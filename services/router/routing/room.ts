import type { Candidate } from "./candidate.ts";
import { filters, findRejection, type RouteRequest } from "./filters.ts";
import { leastKnown } from "./scorers/scorer.ts";

/**
 * Whether a generation can begin now: `free` when some node that can have it has a free slot; `full` when there are
 * such nodes, all busy; `unconnected` when there are such nodes, none of them reached; `none` when there is none.
 * Nodes that rest after failures count only when no others are there, as in the ranking.
 */
export type Room = "free" | "full" | "unconnected" | "none";

/** Looks for room with the same filters that the ranking applies. */
export function findRoom(request: RouteRequest, candidates: readonly Candidate[]): Room {
  let room: Room = "none";
  let freeAtRest = false;
  let awake = false;
  for (const candidate of candidates) {
    const rejection = findRejection(filters, candidate, request);
    if (rejection === undefined) {
      room = "full";
      const free = candidate.occupied < candidate.slots;
      const resting = candidate.ejectedMs > 0;
      if (free && !resting) return "free";
      if (resting) freeAtRest ||= free;
      else awake = true;
    } else if (rejection.filter === "relay" && room === "none") {
      if (!candidate.draining && (request.needs & ~candidate.offers) === 0) room = "unconnected";
    }
  }
  return freeAtRest && !awake ? "free" : room;
}

/**
 * Generations per millisecond that the nodes which can have this one finish when all are busy; undefined while none
 * has finished any.
 */
export function workRate(request: RouteRequest, candidates: readonly Candidate[]): number | undefined {
  const able = candidates.filter((candidate) => findRejection(filters, candidate, request) === undefined);
  const unknownMs = leastKnown(able, ({ serviceMs }) => serviceMs);
  if (unknownMs === undefined) return undefined;
  const perMs = able.reduce(
    (sum, { slots, serviceMs }) => sum + slots / Math.max(1, serviceMs ?? unknownMs),
    0,
  );
  return perMs > 0 ? perMs : undefined;
}
