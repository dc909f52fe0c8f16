import type { Candidate } from "./candidate.ts";
import { readFigures, Scratch } from "./figures.ts";
import { isAble, preferences, type RouteRequest } from "./filters.ts";
import type { Profile } from "./profile.ts";
import { hashOf, rendezvousHash } from "./rendezvous-hash.ts";

/** The node that `rank` puts first, if any. It gives no reasons, does not sort, and allocates nothing for each node. */
export function pick(
  request: RouteRequest,
  candidates: readonly Candidate[],
  profile: Profile,
): Candidate | undefined {
  let eligible = keep(candidates, (candidate) => isAble(candidate, request));
  for (const { rejects } of preferences) {
    const preferred = keep(eligible, (candidate) => !rejects(candidate, request));
    if (preferred.length > 0) eligible = preferred;
  }
  return best(request.generation.id, eligible, profile);
}

/** Those that pass; the list itself when all do, which is usual. */
function keep(
  candidates: readonly Candidate[],
  passes: (candidate: Candidate) => boolean,
): readonly Candidate[] {
  let first = 0;
  while (first < candidates.length && passes(candidates[first] as Candidate)) first++;
  if (first === candidates.length) return candidates;
  const kept = candidates.slice(0, first);
  for (let index = first + 1; index < candidates.length; index++) {
    const candidate = candidates[index] as Candidate;
    if (passes(candidate)) kept.push(candidate);
  }
  return kept;
}

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
