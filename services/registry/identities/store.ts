import type { Revocations } from "../revocations.ts";

/**
 * Where a registry keeps who was let in, by which tokens, and who was thrown out. Every store behaves as
 * `store-contract.ts` says; times are in milliseconds since 1970.
 */
export interface IdentityStore {
  /** Keeps a join token. Throws `saturated` when there are too many that still live. */
  addToken(token: JoinToken): Promise<void>;
  /**
   * Lets a node in, in one step: no token is used more often than it allows, no name is given to two keys, and what
   * is refused costs no use. Asking again with the same token, name and key gives the same answer and costs
   * nothing, for the first answer may have been lost.
   */
  admit(admission: Admission): Promise<Verdict>;
  /** Prolongs the identity of a node; false when it was revoked, or the name belongs to another key. */
  renew(renewal: Renewal): Promise<boolean>;
  /** Ends the identity of a node for good, whether it is known or not. */
  revoke(nodeId: string): Promise<void>;
  /** Who was revoked; this store alone owns that, all others read it here. */
  readonly revocations: Revocations;
}

/** A join token as it is kept: enough to know it again, and not enough to use it. */
export interface JoinToken {
  /** SHA-256 of its secret, in hexadecimal. */
  readonly hash: string;
  /** How many nodes it lets in. */
  readonly uses: number;
  readonly expiresAt: number;
}

/** A node that asks to be let in. */
export interface Admission extends Renewal {
  /** SHA-256 of the secret that it gave, in hexadecimal. */
  readonly tokenHash: string;
}

/** A node's identity for a new term. */
export interface Renewal {
  readonly nodeId: string;
  /** SHA-256 of its public key, in hexadecimal. */
  readonly keyHash: string;
  readonly now: number;
  /** When the identity ends, and with it the name's belonging to that key. */
  readonly until: number;
}

/** What comes of an admission. */
export type Verdict =
  | { readonly is: "admitted" | "unknown_token" | "name_taken" | "name_revoked" }
  | { readonly is: "token_expired"; readonly at: number }
  | { readonly is: "token_used"; readonly uses: number };
