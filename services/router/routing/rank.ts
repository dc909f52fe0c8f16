import type { Candidate } from "./candidate.ts";
import { readFigures } from "./figures.ts";
import { type Filter, filters, firstToReject, preferences, type RouteRequest } from "./filters.ts";
import type { Profile } from "./profile.ts";
import { hashOf, rendezvousHash } from "./rendezvous-hash.ts";

/** A node that can have the generation. */
export interface Ranked {
  readonly candidate: Candidate;
  /** Each scorer's word, in the order of the profile. */
  readonly scores: readonly number[];
  /** Their weighted sum, in [0, 1]. */
  readonly total: number;
}

/** A node that cannot. */
export interface Rejected {
  readonly candidate: Candidate;
  /** Name of the filter that rejected it. */
  readonly filter: string;
  /** Why, in words. */
  readonly reason: string;
}

/** Where a generation should go. */
export interface Ranking {
  /** Best first. */
  readonly ranked: readonly Ranked[];
  readonly rejected: readonly Rejected[];
}

/**
 * Ranks nodes for one generation: filters, then scorers, then order, with every reason. Depends on nothing but its
 * arguments; equal totals are ordered by rendezvous hash, so that equal nodes share the load and asking twice gives the same
 * answer. For the best alone, `pick` is many times as quick.
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
  const words = profile.map(({ scorer }) => {
    const scores = new Float64Array(figures.count);
    scorer.score(figures, scores);
    return scores;
  });
  const ranked = candidates.map((candidate, index) => {
    const scores = words.map((word) => word[index] ?? 0);
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
