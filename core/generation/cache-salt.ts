/**
 * The request header by which a mesh passes on the salt of its caller to the mesh that it forwards a request to. That one
 * salts with it beside its own caller, so a client that sends it only divides its own prefix cache.
 */
export const cacheSaltHeader = "x-cxmpute-cache-salt";
