import { findPackageJSON } from "node:module";
import { dirname } from "node:path";

/** The folder of this package, with its models, whether it runs from its sources or from what is built of them. */
export const packageFolder: string = dirname(findPackageJSON("..", import.meta.url)!);
