import { MeshError } from "../../core/errors/mesh-error.ts";

/** Read access to the nodes that were removed for good; the identity store owns them. */
export interface Revocations {
  has(nodeId: string): boolean;
  /** In order of revocation. */
  list(): string[];
  /** Calls back once for each revocation from now on, once saved; returns a function that stops it. */
  onRevoked(listener: (nodeId: string) => void): () => void;
}

/** For a mesh in plain text, where nodes have no identities to revoke. */
export const noRevocations: Revocations = { has: () => false, list: () => [], onRevoked: () => () => {} };

/** `code` of the error for a node that was removed for good. */
export const revokedCode = "node_revoked";

/** The error for a node that was removed. */
export const revokedFault = (nodeId: string): MeshError =>
  new MeshError(
    "unauthenticated",
    `The operator of this mesh has removed node ${nodeId}, and its name is not reused. To come back, ask for a new join token and join under another name, with an empty data folder.`,
    { code: revokedCode },
  );
