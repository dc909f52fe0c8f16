import { MeshError } from "../../../core/errors/mesh-error.ts";
import { toUtc } from "../../../core/identity/certificate.ts";
import { revokedFault } from "../revocations.ts";
import type { Verdict } from "./store.ts";

/** The error for a node that is not admitted; undefined for one that is. */
export function toRefusal(verdict: Verdict, nodeId: string, now: number): MeshError | undefined {
  switch (verdict.is) {
    case "admitted":
      return undefined;
    case "name_revoked":
      return revokedFault(nodeId);
    case "unknown_token":
      return refused(
        "token_unknown",
        "This mesh does not know the join token: a part of it may be missing, or it is too old. Ask the operator for a new one.",
      );
    case "token_expired":
      return refused(
        "token_expired",
        `The join token expired at ${toUtc(new Date(verdict.at))}, ${describeAge(now - verdict.at)} ago. Ask the operator for a new one.`,
      );
    case "token_used":
      return refused(
        "token_used",
        `The join token has been used: it admits ${verdict.uses === 1 ? "one node" : `${verdict.uses} nodes`}. Ask the operator for a new one.`,
      );
    case "name_taken":
      return refused(
        "name_taken",
        `There is a node ${nodeId} in this mesh already: choose another name with --node-id NAME. The join token is still unused.`,
      );
  }
}

const refused = (code: string, message: string): MeshError =>
  new MeshError("unauthenticated", message, { code });

function describeAge(ms: number): string {
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}
