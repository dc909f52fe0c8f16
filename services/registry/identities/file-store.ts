import { readFile } from "node:fs/promises";
import type { Clock } from "../../../core/clock.ts";
import { writePrivateFile } from "../../../core/identity/private-files.ts";
import { UserFault } from "../../../core/lifecycle/user-fault.ts";
import { type LedgerState, ledgerSchema } from "./ledger.ts";
import { createLedgerStore } from "./ledger-store.ts";
import type { IdentityStore } from "./store.ts";

/** Opens a store in one private file; throws when it cannot be read: an empty one would admit revoked nodes again. */
export async function openFileStore(path: string, clock: Clock): Promise<IdentityStore> {
  const state = await read(path);
  return createLedgerStore({
    clock,
    ...(state === undefined ? {} : { state }),
    save: (changed) => writePrivateFile(path, `${JSON.stringify(changed, null, 2)}\n`),
  });
}

async function read(path: string): Promise<LedgerState | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw unusable(path, (error as Error).message, error);
  }
  try {
    return ledgerSchema.parse(JSON.parse(text));
  } catch (error) {
    throw unusable(path, "it is not what this program writes", error);
  }
}

const unusable = (path: string, why: string, cause: unknown): UserFault =>
  new UserFault(
    `${path} cannot be used: ${why}. It records used join tokens and removed nodes. Restore a copy of it, or move it away to start again, and then remove again the nodes that must stay out.`,
    { cause },
  );
