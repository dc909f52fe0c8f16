import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { userDataFolder } from "../../core/config/environment.ts";
import { packageFolder } from "../../core/package-folder.ts";

export const version: string = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8")).version;

export const starterModel = join(packageFolder, "models", "starter.gguf");

/** Whether this is a checkout, not an installed package. */
const isCheckout = existsSync(join(packageFolder, ".git"));

/** How to run this program on a command line. */
export const invocation = isCheckout ? "npm run -s cxmpute --" : "cxmpute";

/** The default data folder: `.data` in a checkout, which leaves nothing elsewhere; else the system's. */
export const defaultDataFolder: string = isCheckout
  ? join(packageFolder, ".data")
  : join(userDataFolder(), "cxmpute");

/** A text as one word of a POSIX shell. */
export const shellQuote = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
