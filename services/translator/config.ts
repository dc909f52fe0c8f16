import type { ApiKey } from "./auth/keys.ts";

/** How a translator is set up. */
export interface TranslatorConfig {
  /** HOST:PORT to serve HTTP on; port 0 takes any. */
  readonly listen: string;
  /** Who may use it. None: everybody, without a key. */
  readonly keys: readonly ApiKey[];
  /** The largest body, in bytes; default 20 MiB, which is what Ollama takes. */
  readonly bodyLimitBytes?: number;
  /** A client of a stream that takes nothing for so long is cut, in milliseconds; default 30 s. */
  readonly stallTimeoutMs?: number;
}

export const defaultBodyLimitBytes = 20 * 1024 * 1024;
export const defaultStallTimeoutMs = 30_000;
