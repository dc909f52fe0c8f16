// Runs a script of this project on Node 24, whatever Node started it, after installing what the lockfile asks for
// when that has changed. Plain JavaScript without dependencies, because it runs before there are any.
//
//   node scripts/with-node.mjs SCRIPT [ARGUMENTS...]

import { join } from "node:path";
import { handOver, packageFolder } from "./hand-over.mjs";
import { install } from "./install.mjs";

const [script, ...args] = process.argv.slice(2);
await install();
endWithParent();
await handOver(join(packageFolder, script), args);

/**
 * npm runs scripts in a shell and passes its signals to that, and the shell keeps them to itself. So when the
 * shell is gone, npm was asked to end, and this with it; without that the service would go on, seen by nobody.
 */
function endWithParent() {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, "SIGTERM");
  }, 500).unref();
}
