import { randomBytes } from "node:crypto";
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Values } from "../../core/config/settings.ts";
import { exitCodes, UserFault } from "../../core/lifecycle/user-fault.ts";
import { digestOf } from "../translator/auth/keys.ts";
import { shellQuote } from "./places.ts";
import type { apiKeySettings } from "./settings/clients.ts";
import { userText } from "./settings/parts.ts";

/** Prints a new key and its hash, for the translator's settings. */
export async function apiKey(
  { json }: Values<typeof apiKeySettings>,
  [user, ...others]: readonly string[],
): Promise<number> {
  if (others.length > 0 || (user !== undefined && !isUserInText(user)))
    throw new UserFault(
      "name one user, of 1 to 128 letters, digits and signs other than `=`, `,` and spaces: cxmpute api-key USER",
      { exitCode: exitCodes.usage },
    );
  const key = createApiKey();
  const sha256 = `sha256:${digestOf(key)}`;
  const setting = user === undefined ? sha256 : `${user}=${sha256}`;
  process.stdout.write(
    json
      ? `${JSON.stringify({ user: user ?? null, key, sha256 }, null, 2)}\n`
      : `Key       ${key}\nSetting   --api-key ${shellQuote(setting)}\n\nThe key is stored nowhere: give it to its user now.\n`,
  );
  return exitCodes.ok;
}

/** Whether a user can be named before `=` in a list that is separated by commas. */
const isUserInText = (user: string): boolean => userText.safeParse(user).success && !/[=,]/.test(user);

/** The file of the generated API key. */
export const apiKeyFile = (dataFolder: string): string => join(dataFolder, "api-key");

/** Makes a key of 192 random bits. */
export const createApiKey = (): string => `sk-cx-${randomBytes(24).toString("base64url")}`;

/** The key in the data folder; undefined when there is none. */
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

/** The key in the data folder; made when there is none, readable only for this user. */
export function keepApiKey(dataFolder: string): string {
  const kept = readApiKey(dataFolder);
  if (kept !== undefined) return kept;
  const path = apiKeyFile(dataFolder);
  const draft = `${path}.${process.pid}`;
  try {
    makeFolder(resolve(dataFolder));
    writeFileSync(draft, `${createApiKey()}\n`, { mode: 0o600 });
    // If two processes start at the same moment, one wins, and neither reads half a key.
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

/** Makes a folder and its parents. Node's `recursive` never returns under /proc (Node 24). */
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
