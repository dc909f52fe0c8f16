import type { Clock } from "../../../../core/clock.ts";
import type { StoreLimits } from "../../config.ts";
import type { ResponseStore, StoredResponse, Turns } from "./response-store.ts";

interface Entry {
  readonly stored: StoredResponse;
  readonly madeAt: number;
}

/** A response, and how many hold it: its own entry, and the responses that continue it. */
interface Kept {
  readonly stored: StoredResponse;
  holders: number;
}

/** What is kept for one owner. */
interface Share {
  /** Oldest first. */
  readonly entries: Set<Entry>;
  bytes: number;
}

/** What an entry takes beside its bytes and its ids: objects, maps. Roughly, and rather too much. */
const overheadBytes = 1024;

/**
 * Keeps responses in this process, until they are too old or there are too many: then the oldest go of whoever has
 * the most. So nobody loses one to an owner who has more, and one owner alone may have it all. A response that another
 * one continues stays in memory with that one, so its bytes count until the last is gone.
 */
export class MemoryResponseStore implements ResponseStore {
  readonly #clock: Clock;
  readonly #limits: StoreLimits;
  /** Those that can be found, by id, oldest first. */
  readonly #entries = new Map<string, Entry>();
  /** By owner and id of an item: callers may choose ids. */
  readonly #byItem = new Map<string, Entry>();
  /** By owner; those who have something. */
  readonly #shares = new Map<string, Share>();
  /** By id: those that can be found, and those that they continue, each for as long as anything holds it. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  constructor(clock: Clock, limits: StoreLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** What all that is kept takes. */
  get bytes(): number {
    return this.#bytes;
  }

  async put(stored: StoredResponse, continued: readonly StoredResponse[]): Promise<void> {
    // It would drive out all others and then itself.
    if (sizeOf(stored) > this.#limits.bytes) return;
    const entry = { stored, madeAt: this.#clock.now() };
    this.#entries.set(stored.id, entry);
    for (const itemId of stored.itemIds) this.#byItem.set(itemKey(stored.userId, itemId), entry);
    this.#shareOf(stored).entries.add(entry);
    this.#hold([...continued, stored]);
    this.#forget();
  }

  async get(userId: string, id: string): Promise<StoredResponse | undefined> {
    return this.#find(userId, id)?.stored;
  }

  async turns(userId: string, id: string): Promise<Turns | undefined> {
    const last = this.#find(userId, id)?.stored;
    if (last === undefined) return undefined;
    const before: StoredResponse[] = [];
    for (let previousId = last.previousId; previousId !== undefined; ) {
      const { stored } = this.#kept.get(previousId)!;
      before.push(stored);
      previousId = stored.previousId;
    }
    return [...before.reverse(), last];
  }

  async findByItem(userId: string, itemId: string): Promise<StoredResponse | undefined> {
    this.#forget();
    return this.#byItem.get(itemKey(userId, itemId))?.stored;
  }

  async delete(userId: string, id: string): Promise<boolean> {
    const entry = this.#find(userId, id);
    if (entry !== undefined) this.#drop(entry);
    return entry !== undefined;
  }

  #find(userId: string, id: string): Entry | undefined {
    this.#forget();
    const entry = this.#entries.get(id);
    return entry?.stored.userId === userId ? entry : undefined;
  }

  /** Drops what is too old or too much. */
  #forget(): void {
    const { responses, bytes, ageMs } = this.#limits;
    const oldest = this.#clock.now() - ageMs;
    for (const entry of this.#entries.values()) {
      if (entry.madeAt > oldest) break;
      this.#drop(entry);
    }
    while (this.#entries.size > responses) this.#dropOf(({ entries }) => entries.size);
    while (this.#bytes > bytes) this.#dropOf((share) => share.bytes);
  }

  /** Drops the oldest response of the owner who has the most. */
  #dropOf(amountOf: (share: Share) => number): void {
    let largest: Share | undefined;
    for (const share of this.#shares.values())
      if (share.entries.size > 0 && (largest === undefined || amountOf(share) > amountOf(largest)))
        largest = share;
    const [oldest] = largest!.entries;
    this.#drop(oldest!);
  }

  #shareOf({ userId }: StoredResponse): Share {
    let share = this.#shares.get(userId);
    if (share === undefined) {
      share = { entries: new Set(), bytes: 0 };
      this.#shares.set(userId, share);
    }
    return share;
  }

  #drop(entry: Entry): void {
    const { stored } = entry;
    this.#entries.delete(stored.id);
    const share = this.#shareOf(stored);
    share.entries.delete(entry);
    for (const itemId of stored.itemIds) {
      const key = itemKey(stored.userId, itemId);
      if (this.#byItem.get(key) === entry) this.#byItem.delete(key);
    }
    this.#release(stored);
    // What it held ended with it, unless a response of the same owner goes on.
    if (share.entries.size === 0) this.#shares.delete(stored.userId);
  }

  /** Counts one more holder of the last turn; the first one's bytes, and so on with the turn before it. */
  #hold(turns: readonly StoredResponse[]): void {
    for (const stored of turns.toReversed()) {
      const kept = this.#kept.get(stored.id);
      if (kept !== undefined) {
        kept.holders += 1;
        return;
      }
      this.#kept.set(stored.id, { stored, holders: 1 });
      this.#count(stored, sizeOf(stored));
    }
  }

  #release({ id }: StoredResponse): void {
    for (let held: string | undefined = id; held !== undefined; ) {
      const kept: Kept = this.#kept.get(held)!;
      kept.holders -= 1;
      if (kept.holders > 0) return;
      this.#kept.delete(held);
      this.#count(kept.stored, -sizeOf(kept.stored));
      held = kept.stored.previousId;
    }
  }

  #count(stored: StoredResponse, bytes: number): void {
    this.#bytes += bytes;
    this.#shareOf(stored).bytes += bytes;
  }
}

const sizeOf = ({ response, input, itemIds }: StoredResponse): number =>
  response.byteLength + input.byteLength + 128 * itemIds.length + overheadBytes;

const itemKey = (userId: string, itemId: string): string => `${userId}\n${itemId}`;
