import type { Role } from "../../core/identity/identity.ts";

/** What the files are called in the folder that `cxmpute tls init` makes. */
export const tlsFiles = {
  /** What everything in the mesh trusts. */
  authority: "ca.pem",
  /** What nobody needs from day to day. */
  authorityKey: "ca.key",
  nodeAuthority: "node-ca.pem",
  nodeAuthorityKey: "node-ca.key",
  certificateOf: (role: Role): string => `${role}.pem`,
  keyOf: (role: Role): string => `${role}.key`,
};
