import type { Clock } from "../../../../core/clock.ts";
import type { StoreLimits } from "../../config.ts";
import type { ResponseStore, StoredResponse, Turns } from "./response-store.ts";

interface Entry {
  readonly stored: StoredResponse;
  readonly madeAt: number;
  /** One while it can be retrieved, and one for each response that continues it. */
  references: number;
}

interface UserShare {
  /** Those that can be retrieved, oldest first. */
  readonly entries: Set<Entry>;
  bytes: number;
}

/** Estimated size of an entry's objects, rounded up. */
const overheadBytes = 1024;

/**
 * Stores responses in memory. Over the limits, it evicts the oldest response of the user who has the most: no user
 * can evict another's by storing more, while a single user may fill the store. A response that another one continues
 * stays in memory, and its bytes count, until the last reference is gone.
 */
export class MemoryResponseStore implements ResponseStore {
  readonly #clock: Clock;
  readonly #limits: StoreLimits;
  /** By id, including those that are only continued. */
  readonly #byId = new Map<string, Entry>();
  /** Those that can be retrieved, oldest first. */
  readonly #retrievable = new Set<Entry>();
  /** By user and item id: callers may choose item ids. */
  readonly #byItem = new Map<string, Entry>();
  readonly #shares = new Map<string, UserShare>();
  #bytes = 0;

  constructor(clock: Clock, limits: StoreLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  async put(stored: StoredResponse, continued: readonly StoredResponse[]): Promise<void> {
    // It would evict all others and then itself.
    if (sizeOf(stored) > this.#limits.bytes) return;
    this.#retain([...continued, stored]);
    const entry = this.#byId.get(stored.id)!;
    this.#retrievable.add(entry);
    this.#shareOf(stored).entries.add(entry);
    for (const itemId of stored.itemIds) this.#byItem.set(itemKey(stored.userId, itemId), entry);
    this.#evict();
  }

  async get(userId: string, id: string): Promise<StoredResponse | undefined> {
    return this.#find(userId, id)?.stored;
  }

  async turns(userId: string, id: string): Promise<Turns | undefined> {
    const last = this.#find(userId, id)?.stored;
    if (last === undefined) return undefined;
    const before: StoredResponse[] = [];
    for (let previousId = last.previousId; previousId !== undefined; ) {
      const { stored } = this.#byId.get(previousId)!;
      before.push(stored);
      previousId = stored.previousId;
    }
    return [...before.reverse(), last];
  }

  async findByItem(userId: string, itemId: string): Promise<StoredResponse | undefined> {
    this.#evict();
    return this.#byItem.get(itemKey(userId, itemId))?.stored;
  }

  async delete(userId: string, id: string): Promise<boolean> {
    const entry = this.#find(userId, id);
    if (entry !== undefined) this.#drop(entry);
    return entry !== undefined;
  }

  #find(userId: string, id: string): Entry | undefined {
    this.#evict();
    const entry = this.#byId.get(id);
    return entry?.stored.userId === userId && this.#retrievable.has(entry) ? entry : undefined;
  }

  /** Drops expired responses and those over the limits. */
  #evict(): void {
    const { responses, bytes, ageMs } = this.#limits;
    const oldest = this.#clock.now() - ageMs;
    for (const entry of this.#retrievable) {
      if (entry.madeAt > oldest) break;
      this.#drop(entry);
    }
    while (this.#retrievable.size > responses) this.#evictLargest(({ entries }) => entries.size);
    while (this.#bytes > bytes) this.#evictLargest((share) => share.bytes);
  }

  /** Evicts the oldest response of the largest share. */
  #evictLargest(amountOf: (share: UserShare) => number): void {
    let largest: UserShare | undefined;
    for (const share of this.#shares.values())
      if (share.entries.size > 0 && (largest === undefined || amountOf(share) > amountOf(largest)))
        largest = share;
    const [oldest] = largest!.entries;
    this.#drop(oldest!);
  }

  #shareOf({ userId }: StoredResponse): UserShare {
    let share = this.#shares.get(userId);
    if (share === undefined) {
      share = { entries: new Set(), bytes: 0 };
      this.#shares.set(userId, share);
    }
    return share;
  }

  #drop(entry: Entry): void {
    const { stored } = entry;
    this.#retrievable.delete(entry);
    const share = this.#shareOf(stored);
    share.entries.delete(entry);
    for (const itemId of stored.itemIds) {
      const key = itemKey(stored.userId, itemId);
      if (this.#byItem.get(key) === entry) this.#byItem.delete(key);
    }
    this.#release(stored);
    // Without entries, nothing holds any bytes of this user.
    if (share.entries.size === 0) this.#shares.delete(stored.userId);
  }

  /** Adds a reference to the last turn; a new turn counts its bytes and holds the turn before it. */
  #retain(turns: readonly StoredResponse[]): void {
    for (const stored of turns.toReversed()) {
      const entry = this.#byId.get(stored.id);
      if (entry !== undefined) {
        entry.references += 1;
        return;
      }
      this.#byId.set(stored.id, { stored, madeAt: this.#clock.now(), references: 1 });
      this.#count(stored, sizeOf(stored));
    }
  }

  #release({ id }: StoredResponse): void {
    for (let held: string | undefined = id; held !== undefined; ) {
      const entry: Entry = this.#byId.get(held)!;
      entry.references -= 1;
      if (entry.references > 0) return;
      this.#byId.delete(held);
      this.#count(entry.stored, -sizeOf(entry.stored));
      held = entry.stored.previousId;
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
