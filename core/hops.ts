// A mesh may serve the models of another one. Where meshes do so in a ring, a request could go round for ever, or wait
// for the slot that it holds itself; so one that is handed on from mesh to mesh says through which engines it has come,
// and no router sends it there again. It says how often it was handed on as well, which ends rings that lose the marks.

/** The request header that says how many meshes have handed a request on, in digits; absent on a client's own. */
export const hopsHeader = "x-cxmpute-hops";

/** The request header that says which engines have handed it on: their marks, in order, with commas between. */
export const viaHeader = "x-cxmpute-via";

/** A request that was handed on more often goes round, and is refused: nobody stacks meshes so high on purpose. */
export const hopLimit = 4;

/** The error code of such a refusal. */
export const loopCode = "loop_detected";

/** What its caller reads. */
export const loopMessage =
  "This mesh and others, or this mesh and itself, serve each other's models in a ring, and nobody in it could answer this request. The operator should look which node's --url leads back to the mesh that it serves.";
