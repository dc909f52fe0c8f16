import { hostname, uptime } from "node:os";
import type { DatabaseSync } from "node:sqlite";

/** A process that has, or had, a lock. */
export interface LockOwner {
  readonly pid: number;
  /** Random for each time that the lock is taken. */
  readonly instance: string;
  /** When it took the lock, in milliseconds since 1970. */
  readonly since: number;
}

/** The result of asking for a lock. */
export type ProcessLock =
  | { readonly taken: true; readonly former: FormerOwner | undefined; release(): void }
  | { readonly taken: false; readonly owner: LockOwner | undefined };

/** The owner before. */
export interface FormerOwner extends LockOwner {
  /** Whether its process has certainly ended: a file that was copied from elsewhere, or from a living process, does not show that. */
  readonly hasEnded: boolean;
}

interface Row {
  readonly pid: number;
  readonly instance: string;
  readonly since: number;
  readonly host: string;
  readonly bootedAt: number;
}

/** SQLite's code for a database that another process has locked. */
const busy = 5;
/** For a lock that is just being taken or let go, in milliseconds. */
const patienceMs = 250;
/** Two readings of the boot time of one machine differ by less, in milliseconds. */
const bootToleranceMs = 10_000;

/**
 * Takes a lock that the system releases when this process ends, however it ends. Node has no file locks of its own;
 * SQLite's work on every system. Throws when the file cannot be used for a lock, such as one in a read-only folder.
 */
export function takeLock(path: string, instance: string): ProcessLock {
  const sqlite = process.getBuiltinModule("node:sqlite") as typeof import("node:sqlite") | undefined;
  if (sqlite === undefined) throw new Error("This build of Node has no SQLite.");
  const database = new sqlite.DatabaseSync(path, { timeout: patienceMs });
  try {
    database.exec("PRAGMA synchronous = OFF; BEGIN IMMEDIATE");
    const former = readOwner(database);
    const own = [process.pid, instance, Date.now(), hostname(), bootTime()];
    database.exec("DROP TABLE IF EXISTS owner");
    database.exec(
      "CREATE TABLE owner (pid INTEGER, instance TEXT, since INTEGER, host TEXT, bootedAt INTEGER)",
    );
    database.prepare("INSERT INTO owner VALUES (?, ?, ?, ?, ?)").run(...own);
    // The lock itself: a transaction that stays open, beside which others can read who has it.
    database.exec("COMMIT; BEGIN IMMEDIATE");
    return {
      taken: true,
      former: former === undefined ? undefined : { ...former, hasEnded: hasEnded(former) },
      release: () => database.close(),
    };
  } catch (error) {
    const owner = isBusy(error) ? readOwner(database) : undefined;
    database.close();
    if (isBusy(error)) return { taken: false, owner };
    throw error;
  }
}

function readOwner(database: DatabaseSync): Row | undefined {
  try {
    return database.prepare("SELECT * FROM owner").get() as Row | undefined;
  } catch {
    return undefined;
  }
}

const isBusy = (error: unknown): boolean => (error as { errcode?: number }).errcode === busy;

const bootTime = (): number => Math.round(Date.now() - uptime() * 1000);

function hasEnded({ pid, host, bootedAt }: Row): boolean {
  if (host !== hostname() || Math.abs(bootedAt - bootTime()) > bootToleranceMs) return false;
  // In a container, the process before has often had the same number.
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
