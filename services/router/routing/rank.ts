import type { Candidate } from "./candidate.ts";
import { type Filter, filters, findRejection, preferences, type RouteRequest } from "./filters.ts";
import type { Profile } from "./profile.ts";

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
 * Ranks nodes for one generation: filters, then scorers, then order. Depends on nothing but its arguments; equal
 * totals are ordered by a hash of generation and node, so that equal nodes share the load and asking twice gives
 * the same answer.
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
    const rejection = findRejection(rules, candidate, request);
    if (rejection === undefined) kept.push(candidate);
    else rejected.push({ candidate, ...rejection });
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
  const words = profile.map(({ scorer }) => scorer.score(candidates));
  const ranked = candidates.map((candidate, index) => {
    const scores = words.map((word) => word[index] ?? 0);
    const total = profile.reduce((sum, { weight }, at) => sum + weight * (scores[at] ?? 0), 0);
    return { candidate, scores, total };
  });
  return ranked.sort(
    (a, b) =>
      b.total - a.total ||
      hash(generationId, b.candidate.node.id) - hash(generationId, a.candidate.node.id) ||
      (a.candidate.node.id < b.candidate.node.id ? -1 : 1),
  );
}

/** FNV-1a over both texts, with the last mix of MurmurHash3, as an unsigned 32-bit number. */
function hash(a: string, b: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < a.length; index++) value = Math.imul(value ^ a.charCodeAt(index), 0x01000193);
  for (let index = 0; index < b.length; index++) value = Math.imul(value ^ b.charCodeAt(index), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
