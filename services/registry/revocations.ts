import { MeshError } from "../../core/errors/mesh-error.ts";

/** The nodes that the operator has removed for good, as everything but their owner, the identity store, sees them. */
export interface Revocations {
  has(nodeId: string): boolean;
  /** All of them, in the order in which they were revoked. */
  list(): string[];
  /** Calls back once for each node that is revoked from now on, when that is written down; returns the way to stop. */
  onRevoked(listener: (nodeId: string) => void): () => void;
}

/** Those of a mesh in plain text, where nodes have no identities that could be revoked. */
export const noRevocations: Revocations = { has: () => false, list: () => [], onRevoked: () => () => {} };

/** `code` of the error that tells a node that it was taken out of the mesh for good. */
export const revokedCode = "node_revoked";

/** What a node hears that was taken out of the mesh. */
export const revokedFault = (nodeId: string): MeshError =>
  new MeshError(
    "unauthenticated",
    `The operator of this mesh has removed node ${nodeId}, and its name is not reused. To come back, ask for a new join token and join under another name, with an empty data folder.`,
    { code: revokedCode },
  );
