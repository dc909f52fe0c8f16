import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { userDataFolder } from "../../core/config/environment.ts";
import { packageFolder } from "../../core/package-folder.ts";

/** The version of this package. */
export const version: string = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8")).version;

/** The model that comes with the package. */
export const starterModel = join(packageFolder, "models", "starter.gguf");

/** Whether this is a checkout of the project, as opposed to an installed package. */
const isCheckout = existsSync(join(packageFolder, ".git"));

/** How a person types a command of this program. */
export const invocation = isCheckout ? "npm run -s cxmpute --" : "cxmpute";

/**
 * Where things are kept unless somebody says otherwise: in `.data` of a checkout, so that trying the project
 * leaves nothing elsewhere, else where the system keeps the data of its users' programs.
 */
export const defaultDataFolder: string = isCheckout
  ? join(packageFolder, ".data")
  : join(userDataFolder(), "cxmpute");
