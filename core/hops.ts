// Meshes may serve each other's models, even in a loop. So a request names the engines that it came through, and no
// router sends it there again; it also counts its hops, which ends loops that lose the names.

/** The request header with the number of meshes that have forwarded a request; absent from clients. */
export const hopsHeader = "x-cxmpute-hops";

/** The request header with the marks of the engines that have forwarded it, in order, separated by commas. */
export const viaHeader = "x-cxmpute-via";

/** A request with more hops is in a loop, and refused: no one stacks so many meshes on purpose. */
export const hopLimit = 4;

/** The error code of such a refusal. */
export const loopCode = "loop_detected";

/** What its caller sees. */
export const loopMessage =
  "This mesh and others, or this mesh and itself, serve each other's models in a loop, and no node in it could answer this request. The operator should check which node's --url leads back to its own mesh.";
