import { type CapabilitySet, describeLack, listCapabilities } from "../../../core/generation/capabilities.ts";
import { canResume } from "../../../core/generation/resume.ts";
import type { Generation } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Candidate } from "./candidate.ts";

/** A generation as filters see it. */
export interface RouteRequest {
  readonly generation: Generation;
  readonly needs: CapabilitySet;
  readonly tried: readonly string[];
  /** Tokens of context that it takes at least, because nodes with less have refused it. */
  readonly leastContext?: number | undefined;
}

/** Excludes nodes from the ranking. */
export interface Filter {
  readonly name: string;
  /** Whether this node cannot have the generation. Called for every node and generation, so it gives no reason. */
  readonly rejects: (candidate: Candidate, request: RouteRequest) => boolean;
  /** Why it rejects; called only when it does. */
  readonly reason: (candidate: Candidate, request: RouteRequest) => string;
}

/** A node that one of these rejects is never used. The first rejection counts. */
export const filters: readonly Filter[] = [
  {
    name: "model",
    rejects: ({ served }) => served === undefined,
    reason: () => "It does not serve this model.",
  },
  {
    name: "lease",
    rejects: ({ listed }) => !listed,
    reason: () => "Its lease has lapsed or was ended.",
  },
  {
    name: "relay",
    rejects: ({ connected }) => !connected,
    reason: () => "It is not connected.",
  },
  {
    name: "draining",
    rejects: ({ draining }) => draining,
    reason: () => "It takes no new generations.",
  },
  {
    name: "capabilities",
    rejects: ({ offers }, { needs }) => (needs & ~offers) !== 0,
    reason: ({ offers }, { needs }) => `It cannot ${describeLack(listCapabilities(needs & ~offers))}.`,
  },
  {
    name: "resume",
    rejects: ({ served }, { generation }) => served !== undefined && !canResume(served, generation),
    reason: () => "It cannot continue this answer.",
  },
  {
    name: "context",
    rejects: ({ served }, { leastContext }) => served !== undefined && isTooShort(served, leastContext),
    reason: ({ served }) => `Its context of ${served?.contextLength} tokens is too short for this.`,
  },
  {
    name: "loop",
    rejects: ({ served }, { generation }) => served !== undefined && cameThrough(served, generation),
    reason: () => "The request has come through it already.",
  },
  {
    name: "tried",
    rejects: ({ node }, { tried }) => tried.length > 0 && tried.includes(node.id),
    reason: () => "It has failed this generation.",
  },
];

/** Whether no filter rejects a node: the same rules in one expression, because calls through a table were slow. */
export const isAble = (candidate: Candidate, request: RouteRequest): boolean =>
  candidate.listed &&
  candidate.connected &&
  !candidate.draining &&
  isSuited(candidate, request) &&
  (request.tried.length === 0 || !request.tried.includes(candidate.node.id));

/** Whether a node could have a generation if it were ready and had not been tried. */
export const isSuited = (
  { served, offers }: Candidate,
  { generation, needs, leastContext }: RouteRequest,
): boolean =>
  served !== undefined &&
  (needs & ~offers) === 0 &&
  canResume(served, generation) &&
  !isTooShort(served, leastContext) &&
  !cameThrough(served, generation);

/** A node that one of these rejects is used when no other is left; the first counts most. */
export const preferences: readonly Filter[] = [
  {
    name: "silent",
    rejects: ({ suspected }) => suspected,
    reason: () => "It has been silent for longer than usual and may be lost.",
  },
  {
    name: "ejected",
    rejects: ({ ejected }) => ejected === "failing",
    reason: ({ whyEjected }) => whyEjected,
  },
  {
    // A short queue at a fast node beats a free slot at a slow one; a long queue belongs in the router, which is fair
    // between callers.
    name: "room",
    rejects: ({ occupied, slots }) => occupied >= 2 * slots,
    reason: () => "As many generations wait there as can run.",
  },
  {
    // After "room": a slow node still answers, so it takes what the others have no room for.
    name: "slow",
    rejects: ({ ejected }) => ejected === "slow",
    reason: ({ whyEjected }) => whyEjected,
  },
];

/** How many preferences speak against a node, the first counting most: 0 for none. As `rejects` in one expression. */
export const reluctance = ({ suspected, ejected, occupied, slots }: Candidate): number =>
  (suspected ? 8 : 0) +
  (ejected === "failing" ? 4 : 0) +
  (occupied >= 2 * slots ? 2 : 0) +
  (ejected === "slow" ? 1 : 0);

export function firstToReject(
  rules: readonly Filter[],
  candidate: Candidate,
  request: RouteRequest,
): Filter | undefined {
  for (const rule of rules) if (rule.rejects(candidate, request)) return rule;
  return undefined;
}

/** Whether a request has come back from another mesh, to which this node had passed it. */
export const cameThrough = ({ via }: ServedModel, { caller }: Generation): boolean =>
  via !== "" && caller !== undefined && caller.via.includes(via);

const isTooShort = ({ contextLength }: ServedModel, leastContext: number | undefined): boolean =>
  leastContext !== undefined && contextLength < leastContext;
