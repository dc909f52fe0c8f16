/** A process's certificate, key and trusted authorities, PEM. */
export interface Credentials {
  /** Its certificate, then the intermediates below the root. */
  readonly certificate: string;
  readonly privateKey: string;
  readonly authorities: string;
}

/** Credentials that can be replaced: new connections use the new ones, open connections keep theirs. */
export class LiveCredentials {
  #current: Credentials;
  readonly #listeners = new Set<() => void>();

  constructor(credentials: Credentials) {
    this.#current = credentials;
  }

  get current(): Credentials {
    return this.#current;
  }

  replace(credentials: Credentials): void {
    this.#current = credentials;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls back after each replacement; returns a function that stops it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
