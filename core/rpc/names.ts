import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { type Clock, systemClock } from "../clock.ts";

/** How to find hosts; default: by the system. */
export interface NamesOptions {
  /** The addresses of a host, in the order in which to try them. Cannot be cancelled. */
  readonly lookUp?: (host: string) => Promise<readonly string[]>;
  readonly clock?: Clock;
}

/** How long a lookup may take before the last known addresses are tried, in milliseconds. */
const patienceMs = 500;
/** The most hosts that are remembered; beyond, the one found first is forgotten. */
const hostLimit = 1000;

/**
 * Resolves hosts, one lookup each at a time; callers that would wait use the last known addresses. When a link breaks,
 * a lookup takes 5 s or more, even if the link is soon back, and the system runs only two at a time.
 */
export class Names {
  readonly #lookUp: (host: string) => Promise<readonly string[]>;
  readonly #clock: Clock;
  readonly #last = new Map<string, readonly string[]>();
  readonly #running = new Map<string, { since: number; addresses: Promise<readonly string[]> }>();

  constructor({ lookUp = systemLookUp, clock = systemClock }: NamesOptions = {}) {
    this.#lookUp = lookUp;
    this.#clock = clock;
  }

  /** Reports a host's addresses: the last known first when the lookup is slow, only those when it fails. */
  async find(host: string, report: (addresses: readonly string[]) => void): Promise<void> {
    if (isIP(host) !== 0) return report([host]);
    const last = this.#last.get(host);
    const { since, addresses } = this.#start(host);
    const patience = Math.max(0, since + patienceMs - this.#clock.now());
    const timer = last === undefined ? undefined : this.#clock.after(patience, () => report(last));
    try {
      report(await addresses);
    } catch (error) {
      if (last === undefined) throw error;
      report(last);
    } finally {
      timer?.cancel();
    }
  }

  #start(host: string): { since: number; addresses: Promise<readonly string[]> } {
    const running = this.#running.get(host);
    if (running !== undefined) return running;
    const started = { since: this.#clock.now(), addresses: this.#finish(host) };
    this.#running.set(host, started);
    return started;
  }

  async #finish(host: string): Promise<readonly string[]> {
    try {
      const addresses = await this.#lookUp(host);
      this.#last.delete(host);
      this.#last.set(host, addresses);
      for (const first of this.#last.keys()) if (this.#last.size > hostLimit) this.#last.delete(first);
      return addresses;
    } finally {
      this.#running.delete(host);
    }
  }
}

const systemLookUp = async (host: string): Promise<readonly string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address);
