import type { PrefixCache } from "./auth/cache-salt.ts";
import type { ApiKey } from "./auth/keys.ts";

/** How a translator is set up. */
export interface TranslatorConfig {
  /** HOST:PORT to serve HTTP on; port 0 takes any free one. */
  readonly listen: string;
  /** The keys that are accepted. Empty: every caller, without a key. */
  readonly keys: readonly ApiKey[];
  /** Serves HTTPS; absent: plain HTTP. */
  readonly tls?: HttpTls;
  /** The largest body, in bytes; default 20 MiB, as in Ollama. */
  readonly bodyLimitBytes?: number;
  /** A streaming client that reads nothing for this long is disconnected, in milliseconds; default 30 s. */
  readonly stallTimeoutMs?: number;
  /** Whether images given by URL are fetched; default no. */
  readonly fetchImages?: boolean;
  /** Whether requests with unknown parameters are rejected; default no. */
  readonly strictKeys?: boolean;
  /** Limits of stored responses; default: `defaultStoreLimits`. */
  readonly storeLimits?: StoreLimits;
  /** Whose prompts share the prefix caches of engines; default: those of one user. */
  readonly prefixCache?: PrefixCache;
}

/** The certificate of an HTTPS server, in PEM. */
export interface HttpTls {
  /** The certificate, then its intermediates. */
  readonly certificate: string;
  readonly privateKey: string;
}

/** Limits of stored responses, for all callers together. */
export interface StoreLimits {
  readonly responses: number;
  /** Bytes of all stored responses, including those that others continue. */
  readonly bytes: number;
  readonly ageMs: number;
}

/** What one process can spare; a day is long enough for a conversation. */
export const defaultStoreLimits: StoreLimits = {
  responses: 10_000,
  bytes: 128 * 1024 * 1024,
  ageMs: 24 * 60 * 60 * 1000,
};

export const defaultBodyLimitBytes = 20 * 1024 * 1024;
export const defaultStallTimeoutMs = 30_000;
