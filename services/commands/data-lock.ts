import { randomUUID } from "node:crypto";
import { join, resolve } from "node:path";
import { toUtc } from "../../core/identity/certificate.ts";
import { type ProcessLock, takeLock } from "../../core/lifecycle/process-lock.ts";
import { UserFault } from "../../core/lifecycle/user-fault.ts";
import type { Log } from "../../core/telemetry/log.ts";
import { makeFolder } from "./api-key.ts";

/** A data folder that this process has for itself. */
export interface LockedFolder {
  /** Names this run of the program. */
  readonly instance: string;
  /** The run before, if its process has certainly ended. */
  readonly replaces: string | undefined;
  readonly unlock: () => void;
}

/**
 * Locks a data folder for a command; another process of that command with the same folder is a fault. Where nothing can
 * be locked, nothing can be kept either, and the command runs without.
 */
export function lockDataFolder(data: string, command: "join" | "registry", log: Log): LockedFolder {
  const folder = resolve(data);
  const instance = randomUUID();
  let lock: ProcessLock;
  try {
    makeFolder(folder);
    lock = takeLock(join(folder, `${command}.lock`), instance);
  } catch (error) {
    log.info({ err: error, folder }, "the data folder cannot be locked; starting without a lock");
    return { instance, replaces: undefined, unlock: () => {} };
  }
  if (!lock.taken) {
    const { owner } = lock;
    const who = owner === undefined ? "" : ` (process ${owner.pid}, since ${toUtc(new Date(owner.since))})`;
    throw new UserFault(
      `another \`cxmpute ${command}\`${who} uses the data folder ${folder}: stop it, or give this one a folder of its own with --data FOLDER.`,
    );
  }
  const { former, release } = lock;
  return { instance, replaces: former?.hasEnded ? former.instance : undefined, unlock: release };
}
