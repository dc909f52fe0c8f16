/** Who sends a request, and what that caller may do. */
export interface Principal {
  /** The account that pays and queues. */
  readonly userId: string;
  /** Names the key in logs and records, and reveals nothing of it; empty where no key was asked for. */
  readonly keyId: string;
  /** The project that the key belongs to; empty for none. */
  readonly projectId: string;
  /** What the key is restricted to; absent: nothing, it may do everything. */
  readonly scopes?: readonly string[];
  /** What the key's use is limited to; there are no limits yet. */
  readonly limits: Readonly<Record<string, never>>;
}

/** What a request says about who sends it. */
export interface Credentials {
  /** The `Authorization` header. */
  readonly authorization: string | undefined;
  /** The `X-User-Id` header. */
  readonly userId: string | undefined;
}

/**
 * Finds out who sends a request. Rejects with a MeshError when the key is missing or wrong, or not this user's; with
 * the signal's reason when that aborts first.
 */
export type Authenticate = (credentials: Credentials, signal: AbortSignal) => Promise<Principal>;
