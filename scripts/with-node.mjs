// Runs a script of this project on Node 24, whatever Node started it, after installing what the lockfile asks for
// when that has changed. Plain JavaScript without dependencies, because it runs before there are any.
//
//   node scripts/with-node.mjs SCRIPT [ARGUMENTS...]

import { join } from "node:path";
import { handOver, packageFolder } from "./hand-over.mjs";
import { install } from "./install.mjs";

const [script, ...args] = process.argv.slice(2);
await install();
await handOver(join(packageFolder, script), args);
