import type { Revocations } from "../revocations.ts";

/** Nodes, join tokens and revocations of a registry (tests: `store-contract.ts`); times in milliseconds since 1970. */
export interface IdentityStore {
  /** Adds a join token. Throws `saturated` when there are too many. */
  addToken(token: JoinToken): Promise<void>;
  /**
   * Admits a node, atomically: a token is never used too often, a name never has two keys, and a refusal costs no use.
   * A repeated call returns the same and costs no use, because the first reply may have been lost.
   */
  admit(admission: Admission): Promise<Verdict>;
  /** Prolongs the identity of a node; false when it was revoked, or the name belongs to another key. */
  renew(renewal: Renewal): Promise<boolean>;
  /** Ends the identity of a node for good, known or not. */
  revoke(nodeId: string): Promise<void>;
  /** The revoked nodes, which only this store changes. */
  readonly revocations: Revocations;
}

/** A stored join token, which is enough to check one and not to use it. */
export interface JoinToken {
  /** SHA-256 of its secret, in hexadecimal. */
  readonly hash: string;
  readonly uses: number;
  readonly expiresAt: number;
}

/** A node that joins. */
export interface Admission extends Renewal {
  /** SHA-256 of the token's secret, in hexadecimal. */
  readonly tokenHash: string;
}

/** A node's identity for a new term. */
export interface Renewal {
  readonly nodeId: string;
  /** SHA-256 of its public key, in hexadecimal. */
  readonly keyHash: string;
  readonly now: number;
  /** When the identity ends, and the name becomes free. */
  readonly until: number;
}

/** The result of an admission. */
export type Verdict =
  | { readonly is: "admitted" | "unknown_token" | "name_taken" | "name_revoked" }
  | { readonly is: "token_expired"; readonly at: number }
  | { readonly is: "token_used"; readonly uses: number };
