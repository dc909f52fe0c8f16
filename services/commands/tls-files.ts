import type { Role } from "../../core/identity/identity.ts";

/** File names in the folder of `cxmpute tls init`. */
export const tlsFiles = {
  authority: "ca.pem",
  /** Not needed to run the mesh. */
  authorityKey: "ca.key",
  nodeAuthority: "node-ca.pem",
  nodeAuthorityKey: "node-ca.key",
  certificateOf: (role: Role): string => `${role}.pem`,
  keyOf: (role: Role): string => `${role}.key`,
};
