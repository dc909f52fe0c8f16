import type { ApiKey } from "./auth/keys.ts";

/** How a translator is set up. */
export interface TranslatorConfig {
  /** HOST:PORT to serve HTTP on; port 0 takes any. */
  readonly listen: string;
  /** Who may use it. None: everybody, without a key. */
  readonly keys: readonly ApiKey[];
  /** Serves HTTPS with these, PEM; without them plain HTTP. */
  readonly tls?: HttpTls;
  /** The largest body, in bytes; default 20 MiB, which is what Ollama takes. */
  readonly bodyLimitBytes?: number;
  /** A client of a stream that takes nothing for so long is cut, in milliseconds; default 30 s. */
  readonly stallTimeoutMs?: number;
  /** Whether images that requests name by their address are fetched; default no. */
  readonly fetchImages?: boolean;
  /** Whether a request with a key that means nothing here is refused; default no. */
  readonly strictKeys?: boolean;
  /** How much of the responses is kept; default: `defaultStoreLimits`. */
  readonly storeLimits?: StoreLimits;
}

/** What an HTTPS server shows, PEM. */
export interface HttpTls {
  /** Its certificate, then those between it and the root. */
  readonly certificate: string;
  readonly privateKey: string;
}

/** How many responses are kept at most, of all callers together. */
export interface StoreLimits {
  /** Responses that can be found. */
  readonly responses: number;
  /** Bytes of everything that is kept, conversations that go on included. */
  readonly bytes: number;
  /** Milliseconds since a response was made. */
  readonly ageMs: number;
}

/** What one process can spare, and long enough for a conversation. */
export const defaultStoreLimits: StoreLimits = {
  responses: 10_000,
  bytes: 128 * 1024 * 1024,
  ageMs: 24 * 60 * 60 * 1000,
};

export const defaultBodyLimitBytes = 20 * 1024 * 1024;
export const defaultStallTimeoutMs = 30_000;
