import type { Clock } from "../../../core/clock.ts";
import { Ledger, type LedgerState } from "./ledger.ts";
import type { IdentityStore } from "./store.ts";

/** How to make a store. */
export interface LedgerStoreOptions {
  readonly clock: Clock;
  readonly state?: LedgerState;
  /** Saves the state; a change is reported only once it is saved. */
  readonly save?: (state: LedgerState) => Promise<void>;
}

/** A store in memory, which outlives the process if `save` is given. */
export function createLedgerStore({ clock, state, save }: LedgerStoreOptions): IdentityStore {
  const ledger = new Ledger(state);
  const listeners = new Set<(nodeId: string) => void>();
  const announced = new Set(ledger.revoked);
  let saving: Promise<void> = Promise.resolve();
  /** Saves one after the other, each the state at that time. */
  const saved = (): Promise<void> => {
    saving = saving.catch(() => {}).then(() => save?.(ledger.state));
    return saving;
  };
  return {
    async addToken(token) {
      ledger.addToken(token, clock.wallTime());
      await saved();
    },
    async admit(admission) {
      const verdict = ledger.admit(admission);
      if (verdict.is === "admitted") await saved();
      return verdict;
    },
    async renew(renewal) {
      if (!ledger.renew(renewal)) return false;
      await saved();
      return true;
    },
    async revoke(nodeId) {
      ledger.revoke(nodeId);
      await saved();
      if (announced.has(nodeId)) return;
      announced.add(nodeId);
      for (const listener of [...listeners]) listener(nodeId);
    },
    revocations: {
      has: (nodeId) => ledger.isRevoked(nodeId),
      list: () => ledger.revoked,
      onRevoked(listener) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
  };
}
