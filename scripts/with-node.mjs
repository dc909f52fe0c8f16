// Runs a command of this project on Node 24, whatever Node started it: installs what the lockfile asks for when
// that has changed, then hands over. Plain JavaScript without dependencies, because it runs before there are any.
//
//   node scripts/with-node.mjs SCRIPT [ARGUMENTS...]

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const wantedMajor = 24;

install();
handOver(process.argv.slice(2));

/** Installs from the lockfile, unless the last install was from this very lockfile. */
function install() {
  const stamp = join(root, "node_modules", ".lockfile-sha256");
  const wanted = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  process.stderr.write("Installing dependencies (once, until the lockfile changes)...\n");
  const npm = process.env.npm_execpath;
  const [command, first] = npm === undefined ? ["npm", []] : [process.execPath, [npm]];
  const result = spawnSync(command, [...first, "ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
    shell: npm === undefined && process.platform === "win32",
  });
  if (result.status !== 0) {
    process.stderr.write(
      "The installation failed; npm's message above says why. Mend it and run this again.\n",
    );
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
}

/** The Node that runs the project: this one when it is new enough, else the one among the dependencies. */
function findNode() {
  if (Number(process.versions.node.split(".")[0]) >= wantedMajor) return process.execPath;
  const require = createRequire(import.meta.url);
  const name = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  try {
    const folder = dirname(require.resolve(`${name}/package.json`));
    return join(folder, "bin", process.platform === "win32" ? "node.exe" : "node");
  } catch {
    process.stderr.write(
      `This project runs on Node ${wantedMajor} or newer; this is Node ${process.versions.node}, and no Node ${wantedMajor} can be installed for ${process.platform} ${process.arch} by npm. Install it from https://nodejs.org and run this again.\n`,
    );
    process.exit(1);
  }
}

/** Runs the script in place of this process: same terminal, same signals, same exit code. */
function handOver([script, ...rest]) {
  const node = findNode();
  const child = spawn(node, [join(root, script), ...rest], {
    stdio: "inherit",
    env: { ...process.env, PATH: [dirname(node), process.env.PATH].join(delimiter) },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => {
    process.exitCode = signal === null ? code : 128 + constants.signals[signal];
  });
}
