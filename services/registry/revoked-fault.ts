import { MeshError } from "../../core/errors/mesh-error.ts";

/** `code` of the error that tells a node that it was taken out of the mesh for good. */
export const revokedCode = "node_revoked";

/** What a node hears that was taken out of the mesh. */
export const revokedFault = (nodeId: string): MeshError =>
  new MeshError(
    "unauthenticated",
    `The operator of this mesh has removed node ${nodeId}, and its name is not given out again. To come back, ask for a new join token and join under another name, with an empty data folder.`,
    { code: revokedCode },
  );
