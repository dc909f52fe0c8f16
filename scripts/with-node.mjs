// Runs a script of this project on Node 24, whatever Node started it, after installing what the lockfile asks for
// when that has changed. Plain JavaScript without dependencies, because it runs before there are any.
//
//   node scripts/with-node.mjs SCRIPT [ARGUMENTS...]

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  fail,
  handOver,
  isWantedNode,
  nodeFolder,
  nodePackage,
  ownNode,
  packageFolder,
} from "./hand-over.mjs";
import { install } from "./install.mjs";

const [name, ...args] = process.argv.slice(2);
const script = join(packageFolder, name);
if (!isWantedNode) await installNode();
await install(packageFolder, "dependencies");
if (!existsSync(script)) fail(`${name} is missing: only \`npm ci\` installs what development needs.`);
endWithParent();
await handOver(script, args);

async function installNode() {
  const { optionalDependencies } = JSON.parse(readFileSync(join(nodeFolder, "package.json"), "utf8"));
  if (optionalDependencies[nodePackage] === undefined)
    fail(
      `This project runs on Node 24 or newer; this is Node ${process.versions.node}, and npm has no other for ${process.platform} on ${process.arch}. Install Node 24 from https://nodejs.org and run this again.`,
    );
  await install(nodeFolder, "Node 24", ownNode);
}

/**
 * npm runs scripts in a shell and passes its signals to that, and the shell keeps them to itself. So when the
 * shell is gone, npm was asked to end, and this with it; without that the service would go on, seen by nobody.
 * SIGHUP, because a closed terminal has sent one already, and services take any other signal for "at once" then.
 */
function endWithParent() {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, "SIGHUP");
  }, 500).unref();
}
