import { findPackageJSON } from "node:module";
import { dirname } from "node:path";

/** The folder of this package, whether it runs from source or from its build. */
export const packageFolder: string = dirname(findPackageJSON("..", import.meta.url)!);
