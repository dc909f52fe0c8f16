import { randomBytes } from "node:crypto";
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { UserFault } from "../../core/lifecycle/user-fault.ts";

/** Where the API key that was made is kept. */
export const apiKeyFile = (dataFolder: string): string => join(dataFolder, "api-key");

/** Makes a key of 192 random bits. */
export const createApiKey = (): string => `sk-cx-${randomBytes(24).toString("base64url")}`;

/** The key that is kept in the data folder, or undefined when none has been made. */
export function readApiKey(dataFolder: string): string | undefined {
  const path = apiKeyFile(dataFolder);
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new UserFault(
      `cannot read the API key in ${path}: ${(error as Error).message}. Choose another folder with --data FOLDER, or set CXMPUTE_API_KEY.`,
      { cause: error },
    );
  }
  if (!/^sk-cx-[\w-]{22,}$/.test(text))
    throw new UserFault(`${path} holds no API key. Delete it, and a new one is created.`);
  return text;
}

/** The key that is kept in the data folder; makes one when there is none, readable for this user alone. */
export function keepApiKey(dataFolder: string): string {
  const kept = readApiKey(dataFolder);
  if (kept !== undefined) return kept;
  const path = apiKeyFile(dataFolder);
  const draft = `${path}.${process.pid}`;
  try {
    makeFolder(resolve(dataFolder));
    writeFileSync(draft, `${createApiKey()}\n`, { mode: 0o600 });
    // Of two processes that start at the same moment, one wins, and nobody ever sees half a key.
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST")
      throw new UserFault(
        `cannot keep an API key in ${dataFolder}: ${(error as Error).message}. Choose another folder with --data FOLDER, or set CXMPUTE_API_KEY.`,
        { cause: error },
      );
  } finally {
    rmSync(draft, { force: true });
  }
  return readApiKey(dataFolder)!;
}

/** Makes a folder and those above it. Not by Node's own `recursive`, which never returns under /proc (Node 24). */
export function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another process made it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}
