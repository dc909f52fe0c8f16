import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { type Clock, systemClock } from "../clock.ts";

/** What finding hosts needs; default: this machine's own. */
export interface NamesOptions {
  /** The addresses of a host, in the order in which they are to be tried. Cannot be called back. */
  readonly lookUp?: (host: string) => Promise<readonly string[]>;
  readonly clock?: Clock;
}

/** How long a name server may take before a host is looked for where it was last, in milliseconds. */
const patienceMs = 500;
/** So many hosts are remembered; beyond, the one that was found first is forgotten. */
const memoryLimit = 1000;

/**
 * Where hosts are. With a link that breaks, its name servers go as well, and the system then takes 5 s and more for a
 * lookup, also for one that began shortly before the link came back; and it does only two at a time. So there is one
 * lookup of a host at a time, whoever asks, and who would wait for it tries where the host was last.
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

  /**
   * Tells where a host is now; when that takes long, first where it was last, and when it cannot be found out, only
   * that. Rejects when neither is known.
   */
  async find(host: string, tell: (addresses: readonly string[]) => void): Promise<void> {
    if (isIP(host) !== 0) return tell([host]);
    const last = this.#last.get(host);
    const { since, addresses } = this.#begin(host);
    const patience = Math.max(0, since + patienceMs - this.#clock.now());
    const timer = last === undefined ? undefined : this.#clock.after(patience, () => tell(last));
    try {
      tell(await addresses);
    } catch (error) {
      if (last === undefined) throw error;
      tell(last);
    } finally {
      timer?.cancel();
    }
  }

  #begin(host: string): { since: number; addresses: Promise<readonly string[]> } {
    const running = this.#running.get(host);
    if (running !== undefined) return running;
    const begun = { since: this.#clock.now(), addresses: this.#finish(host) };
    this.#running.set(host, begun);
    return begun;
  }

  async #finish(host: string): Promise<readonly string[]> {
    try {
      const addresses = await this.#lookUp(host);
      this.#last.delete(host);
      this.#last.set(host, addresses);
      for (const first of this.#last.keys()) if (this.#last.size > memoryLimit) this.#last.delete(first);
      return addresses;
    } finally {
      this.#running.delete(host);
    }
  }
}

const systemLookUp = async (host: string): Promise<readonly string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address);
