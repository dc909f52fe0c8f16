/** Who sends a request, and what that caller may do. */
export interface Principal {
  /** The account that pays and queues. */
  readonly userId: string;
  /** Identifies the key in logs and records without revealing it; empty when no keys are configured. */
  readonly keyId: string;
  /** The key's project; empty for none. */
  readonly projectId: string;
  /** What the key may be used for; absent: everything. */
  readonly scopes?: readonly string[];
  /** Limits on the key's use; there are none yet. */
  readonly limits: Readonly<Record<string, never>>;
}

/** What a request says about its sender. */
export interface Credentials {
  readonly authorization: string | undefined;
  readonly userId: string | undefined;
}

/**
 * Identifies the sender of a request. Rejects with a MeshError when the key is missing, wrong or belongs to another
 * user; with the signal's reason when that aborts first.
 */
export type Authenticate = (credentials: Credentials, signal: AbortSignal) => Promise<Principal>;
