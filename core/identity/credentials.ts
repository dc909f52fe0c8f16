/** What a process shows of itself over TLS, and whom it believes; all as PEM. */
export interface Credentials {
  /** Its certificate, then those between it and the root. */
  readonly certificate: string;
  readonly privateKey: string;
  /** The authorities whose certificates it accepts. */
  readonly authorities: string;
}

/**
 * Credentials that can be replaced while connections stand: what is opened from then on uses the new ones. Open
 * connections keep what they began with.
 */
export class LiveCredentials {
  #current: Credentials;
  readonly #listeners = new Set<() => void>();

  constructor(credentials: Credentials) {
    this.#current = credentials;
  }

  get current(): Credentials {
    return this.#current;
  }

  /** Puts others in their place. */
  replace(credentials: Credentials): void {
    this.#current = credentials;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls back after each replacement; returns the way to stop. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
