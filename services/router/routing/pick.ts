import type { Candidate } from "./candidate.ts";
import { readFigures, Scratch } from "./figures.ts";
import { isAble, type RouteRequest, reluctance } from "./filters.ts";
import type { Profile } from "./profile.ts";
import { hashOf, rendezvousHash } from "./rendezvous-hash.ts";

/** The node that `rank` puts first, if any. It gives no reasons, does not sort, and allocates nothing for each node. */
export function pick(
  request: RouteRequest,
  candidates: readonly Candidate[],
  profile: Profile,
): Candidate | undefined {
  return best(request.generation.id, leastReluctant(request, candidates), profile);
}

/** Those that no filter and the fewest preferences speak against; the list itself when that is all, which is usual. */
function leastReluctant(request: RouteRequest, candidates: readonly Candidate[]): readonly Candidate[] {
  let count = 0;
  while (count < candidates.length && isWanted(candidates[count] as Candidate, request)) count++;
  if (count === candidates.length) return candidates;
  let kept = candidates.slice(0, count);
  let least = count > 0 ? 0 : Number.POSITIVE_INFINITY;
  for (let index = count; index < candidates.length; index++) {
    const candidate = candidates[index] as Candidate;
    if (!isAble(candidate, request)) continue;
    const own = reluctance(candidate);
    if (own > least) continue;
    if (own < least) kept = [];
    least = own;
    kept.push(candidate);
  }
  return kept;
}

const isWanted = (candidate: Candidate, request: RouteRequest): boolean =>
  isAble(candidate, request) && reluctance(candidate) === 0;

/** Shared by all picks: a pick is synchronous. */
const scratch = new Scratch();

function best(
  generationId: string,
  candidates: readonly Candidate[],
  profile: Profile,
): Candidate | undefined {
  scratch.clear();
  const figures = readFigures(candidates, scratch);
  const totals = scratch.row(figures.count).fill(0);
  const scores = scratch.row(figures.count);
  for (const { scorer, weight } of profile) {
    scorer.score(figures, scores);
    for (let index = 0; index < totals.length; index++)
      totals[index] = (totals[index] as number) + weight * (scores[index] as number);
  }
  const key = hashOf(generationId);
  let chosen: Candidate | undefined;
  let highest = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < totals.length; index++) {
    const total = totals[index] as number;
    if (total < highest) continue;
    const candidate = candidates[index] as Candidate;
    if (chosen !== undefined && total === highest && !precedes(candidate, chosen, key)) continue;
    chosen = candidate;
    highest = total;
  }
  return chosen;
}

/** Whether the first of two equals precedes: by the higher hash, then by the lower name. */
function precedes(a: Candidate, b: Candidate, key: number): boolean {
  const difference = rendezvousHash(key, a) - rendezvousHash(key, b);
  return difference > 0 || (difference === 0 && a.node.id < b.node.id);
}
