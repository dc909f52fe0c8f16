import type { Generation } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Capabilities_Resume } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Candidate } from "./candidate.ts";
import { listNeeds, type Needs } from "./needs.ts";

/** What filters know of a generation. */
export interface RouteRequest {
  readonly generation: Generation;
  readonly needs: Needs;
  /** Nodes that have failed it already. */
  readonly tried: readonly string[];
}

/** Takes nodes out of the ranking. */
export interface Filter {
  readonly name: string;
  /** Why this node cannot have the generation, in words; undefined when it can. */
  readonly reject: (candidate: Candidate, request: RouteRequest) => string | undefined;
}

/** A node that one of these rejects is never used. The first word counts. */
export const filters: readonly Filter[] = [
  {
    name: "model",
    reject: ({ served }) => (served === undefined ? "It does not serve this model." : undefined),
  },
  {
    name: "lease",
    reject: ({ listed }) => (listed ? undefined : "Its lease has lapsed or was ended."),
  },
  {
    name: "relay",
    reject: ({ connected }) => (connected ? undefined : "No relay to it stands."),
  },
  {
    name: "draining",
    reject: ({ draining }) => (draining ? "It takes no new generations." : undefined),
  },
  {
    name: "capabilities",
    reject: ({ offers }, { needs }) => {
      const missing = needs & ~offers;
      return missing === 0 ? undefined : `It cannot ${listVerbs(missing)}.`;
    },
  },
  {
    name: "resume",
    reject: ({ served }, { generation: { resume } }) =>
      resume === undefined || served === undefined || canResume(served, resume)
        ? undefined
        : "It cannot continue this answer.",
  },
  {
    name: "tried",
    reject: ({ node }, { tried }) => (tried.includes(node.id) ? "It has failed this generation." : undefined),
  },
];

/** A node that one of these rejects is used all the same when otherwise nobody is left. */
export const preferences: readonly Filter[] = [
  {
    name: "ejected",
    reject: ({ ejectedMs }) =>
      ejectedMs > 0
        ? `It failed several times in a row and rests for ${Math.ceil(ejectedMs)} ms more.`
        : undefined,
  },
  {
    // A short queue at a fast node beats a free slot at a slow one; a long queue belongs in the router, where it
    // is fair between callers.
    name: "room",
    reject: ({ occupied, slots }) =>
      occupied >= 2 * slots ? "As many generations wait there as can run." : undefined,
  },
];

/** The first filter that rejects a node, and its word; undefined when none does. */
export function findRejection(
  rules: readonly Filter[],
  candidate: Candidate,
  request: RouteRequest,
): { filter: string; reason: string } | undefined {
  for (const { name, reject } of rules) {
    const reason = reject(candidate, request);
    if (reason !== undefined) return { filter: name, reason };
  }
  return undefined;
}

/** Names capabilities in one phrase: "call tools and see pictures". */
export function listVerbs(needs: Needs): string {
  return listNeeds(needs)
    .map(({ verb }) => verb)
    .join(" and ");
}

function canResume(
  served: NonNullable<Candidate["served"]>,
  resume: NonNullable<Generation["resume"]>,
): boolean {
  const how = served.capabilities?.resume ?? Capabilities_Resume.NONE;
  if (resume.fingerprint !== "")
    return how === Capabilities_Resume.TOKENS && served.fingerprint === resume.fingerprint;
  return how === Capabilities_Resume.TOKENS || how === Capabilities_Resume.TEXT;
}
