import type { Candidate } from "./candidate.ts";
import { readFigures } from "./figures.ts";
import { type Filter, filters, firstToReject, preferences, type RouteRequest } from "./filters.ts";
import type { Profile } from "./profile.ts";
import { hashOf, rendezvousHash } from "./rendezvous-hash.ts";

/** A node that can have the generation. */
export interface Ranked {
  readonly candidate: Candidate;
  /** One score per scorer, in the order of the profile. */
  readonly scores: readonly number[];
  /** Their weighted sum, in [0, 1]. */
  readonly total: number;
}

/** A node that cannot have it. */
export interface Rejected {
  readonly candidate: Candidate;
  readonly filter: string;
  readonly reason: string;
}

/** All nodes, for one generation. */
export interface Ranking {
  readonly ranked: readonly Ranked[];
  readonly rejected: readonly Rejected[];
}

/**
 * Ranks nodes for one generation, with reasons; `pick` is much quicker for the best alone. Equal totals are ordered by
 * rendezvous hash, so that equal nodes share the load and a second call gives the same ranking.
 */
export function rank(request: RouteRequest, candidates: readonly Candidate[], profile: Profile): Ranking {
  const rejected: Rejected[] = [];
  let eligible = keep(filters, candidates, request, rejected);
  for (const preference of preferences) eligible = prefer(preference, eligible, request, rejected);
  return { ranked: order(request.generation.id, eligible, profile), rejected };
}

function keep(
  rules: readonly Filter[],
  candidates: readonly Candidate[],
  request: RouteRequest,
  rejected: Rejected[],
): readonly Candidate[] {
  const kept: Candidate[] = [];
  for (const candidate of candidates) {
    const rejection = firstToReject(rules, candidate, request);
    if (rejection === undefined) kept.push(candidate);
    else rejected.push({ candidate, filter: rejection.name, reason: rejection.reason(candidate, request) });
  }
  return kept;
}

function prefer(
  preference: Filter,
  candidates: readonly Candidate[],
  request: RouteRequest,
  rejected: Rejected[],
): readonly Candidate[] {
  const passedOver: Rejected[] = [];
  const kept = keep([preference], candidates, request, passedOver);
  if (kept.length === 0) return candidates;
  rejected.push(...passedOver);
  return kept;
}

function order(generationId: string, candidates: readonly Candidate[], profile: Profile): Ranked[] {
  const figures = readFigures(candidates);
  const columns = profile.map(({ scorer }) => {
    const scores = new Float64Array(figures.count);
    scorer.score(figures, scores);
    return scores;
  });
  const ranked = candidates.map((candidate, index) => {
    const scores = columns.map((column) => column[index] ?? 0);
    const total = profile.reduce((sum, { weight }, at) => sum + weight * (scores[at] ?? 0), 0);
    return { candidate, scores, total };
  });
  const key = hashOf(generationId);
  return ranked.sort(
    (a, b) =>
      b.total - a.total ||
      rendezvousHash(key, b.candidate) - rendezvousHash(key, a.candidate) ||
      (a.candidate.node.id < b.candidate.node.id ? -1 : 1),
  );
}
