import type { Clock } from "../../../core/clock.ts";
import { Ledger, type LedgerState } from "./ledger.ts";
import type { IdentityStore } from "./store.ts";

/** What a store that keeps a ledger needs. */
export interface LedgerStoreOptions {
  readonly clock: Clock;
  /** What was written down before. */
  readonly state?: LedgerState;
  /** Writes down what has changed; nobody is told of a change before it has been. */
  readonly save?: (state: LedgerState) => Promise<void>;
}

/** Keeps who was let in for as long as this process lives, or longer where `save` writes it down. */
export function createLedgerStore({ clock, state, save }: LedgerStoreOptions): IdentityStore {
  const ledger = new Ledger(state);
  const listeners = new Set<(nodeId: string) => void>();
  /** Whose revocation is written down and known to the listeners, or older than they are. */
  const announced = new Set(ledger.revoked);
  let saving: Promise<void> = Promise.resolve();
  /** One after the other, each with what the ledger says by then. */
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
