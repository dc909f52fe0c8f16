import type { Clock } from "../../../../core/clock.ts";
import type { ResponseStore, StoredResponse } from "./response-store.ts";

/** How much is kept at most. */
export interface MemoryStoreLimits {
  /** Responses that can be found. */
  readonly responses: number;
  /** Bytes of everything that is kept, conversations that go on included. */
  readonly bytes: number;
  /** Milliseconds since a response was made. */
  readonly ageMs: number;
}

/** What one process can spare, and long enough for a conversation. */
export const defaultLimits: MemoryStoreLimits = {
  responses: 10_000,
  bytes: 128 * 1024 * 1024,
  ageMs: 24 * 60 * 60 * 1000,
};

interface Entry {
  readonly stored: StoredResponse;
  readonly madeAt: number;
}

/** What an entry takes beside its bytes and its ids: objects, maps. Roughly, and rather too much. */
const overheadBytes = 1024;

/**
 * Keeps responses in this process, until they are too old or there are too many: then the oldest go first. A
 * response that another one continues stays in memory with that one, so its bytes count until the last is gone.
 */
export class MemoryResponseStore implements ResponseStore {
  readonly #clock: Clock;
  readonly #limits: MemoryStoreLimits;
  /** By id, oldest first. */
  readonly #entries = new Map<string, Entry>();
  /** By owner and id of an item: callers may choose ids. */
  readonly #byItem = new Map<string, Entry>();
  /** How many hold a response: its own entry, and the responses that continue it. */
  readonly #holders = new Map<StoredResponse, number>();
  #bytes = 0;

  constructor(clock: Clock, limits: MemoryStoreLimits = defaultLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** What all that is kept takes. */
  get bytes(): number {
    return this.#bytes;
  }

  async put(stored: StoredResponse): Promise<void> {
    // It would drive out all others and then itself.
    if (sizeOf(stored) > this.#limits.bytes) return;
    const entry = { stored, madeAt: this.#clock.now() };
    this.#entries.set(stored.id, entry);
    for (const itemId of stored.itemIds) this.#byItem.set(itemKey(stored.userId, itemId), entry);
    this.#hold(stored);
    this.#forget();
  }

  async get(userId: string, id: string): Promise<StoredResponse | undefined> {
    return this.#find(userId, id)?.stored;
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
      if (entry.madeAt > oldest && this.#entries.size <= responses && this.#bytes <= bytes) return;
      this.#drop(entry);
    }
  }

  #drop(entry: Entry): void {
    const { stored } = entry;
    this.#entries.delete(stored.id);
    for (const itemId of stored.itemIds) {
      const key = itemKey(stored.userId, itemId);
      if (this.#byItem.get(key) === entry) this.#byItem.delete(key);
    }
    this.#release(stored);
  }

  /** Counts one more holder; the first one's bytes, and so on with what it continues. */
  #hold(stored: StoredResponse): void {
    for (let turn: StoredResponse | undefined = stored; turn !== undefined; turn = turn.previous) {
      const holders = this.#holders.get(turn) ?? 0;
      this.#holders.set(turn, holders + 1);
      if (holders > 0) return;
      this.#bytes += sizeOf(turn);
    }
  }

  #release(stored: StoredResponse): void {
    for (let turn: StoredResponse | undefined = stored; turn !== undefined; turn = turn.previous) {
      const holders = (this.#holders.get(turn) ?? 0) - 1;
      if (holders > 0) {
        this.#holders.set(turn, holders);
        return;
      }
      this.#holders.delete(turn);
      this.#bytes -= sizeOf(turn);
    }
  }
}

const sizeOf = ({ response, input, itemIds }: StoredResponse): number =>
  response.byteLength + input.byteLength + 128 * itemIds.length + overheadBytes;

const itemKey = (userId: string, itemId: string): string => `${userId}\n${itemId}`;
