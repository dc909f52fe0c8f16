// Brings node_modules to what package-lock.json asks for, when it is not.

import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findInstalledNode, isWantedNode, nodePackage, packageFolder, passSignals } from "./hand-over.mjs";

const lockfile = join(packageFolder, "package-lock.json");
/** What npm has installed; it writes this last, so an installation that was interrupted has none. */
const installedLockfile = join(packageFolder, "node_modules", ".package-lock.json");
/** Held while installing, so that two runs do not install at the same time; names the processes that do. */
const guard = join(packageFolder, ".cache", "installing");
/** A guard older than this was left behind, whoever has its process ids now, in milliseconds. */
const guardLimitMs = 15 * 60_000;

/** Installs from the lockfile, unless that is what is installed. Ends the process when that fails. */
export async function install() {
  if (isInstalled()) return;
  const release = await takeGuard();
  let fault;
  try {
    if (isInstalled()) return;
    process.stderr.write("Installing dependencies (again only when package-lock.json changes)...\n");
    fault = await runNpm();
  } finally {
    release();
  }
  if (fault === undefined) return;
  process.stderr.write(`${fault}\n`);
  process.exit(1);
}

/**
 * Whether every package of the lockfile is there in its version. Optional ones may be missing, since most are
 * for other platforms, and so may all for development, in a production image. A package that was published has
 * no lockfile: its dependencies came with it.
 */
function isInstalled() {
  const wanted = readPackages(lockfile);
  if (wanted === undefined) return true;
  const found = readPackages(installedLockfile);
  if (found === undefined) return false;
  if (!isWantedNode && `node_modules/${nodePackage}` in found && findInstalledNode() === undefined)
    return false;
  const withDevelopment = Object.values(found).some(({ dev }) => dev);
  return Object.entries(wanted).every(([path, { version, integrity, dev, optional }]) => {
    const there = path === "" ? wanted[path] : found[path];
    if (there === undefined) return optional === true || (dev === true && !withDevelopment);
    return there.version === version && there.integrity === integrity;
  });
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8")).packages;
  } catch {
    return undefined;
  }
}

/** Resolves to what went wrong, if anything did. A signal is passed on, and npm's end is waited for. */
function runNpm() {
  // npm tells its scripts where it is; other package managers tell where they are.
  const told = process.env.npm_execpath ?? "";
  const known = basename(told) === "npm-cli.js";
  const [command, ...first] = known ? [process.execPath, told] : ["npm"];
  const args = [...first, "ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const npm = spawn(command, args, {
    cwd: packageFolder,
    stdio: ["ignore", 2, 2],
    shell: !known && process.platform === "win32",
  });
  if (npm.pid !== undefined) holdGuard(npm.pid);
  passSignals(npm);
  return new Promise((resolve) => {
    npm.on("error", (error) =>
      resolve(
        error.code === "ENOENT"
          ? "npm was not found, and the dependencies are not installed. Install npm (it comes with Node) and run this again."
          : `npm does not start: ${error.message}`,
      ),
    );
    npm.on("exit", (code) => {
      for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeAllListeners(name);
      const failed = "The installation failed; npm's message above says why. Mend it and run this again.";
      resolve(code === 0 ? undefined : failed);
    });
  });
}

/** Waits until nobody else installs. Returns the way to let go. */
async function takeGuard() {
  for (let told = false; ; told = true) {
    try {
      mkdirSync(join(packageFolder, ".cache"), { recursive: true });
      writeFileSync(guard, String(process.pid), { flag: "wx" });
      return () => rmSync(guard, { force: true });
    } catch (error) {
      // Where nothing can be written, npm will say so better than a guard.
      if (error.code !== "EEXIST") return () => {};
    }
    if (isLeftBehind()) rmSync(guard, { force: true });
    else if (!told) process.stderr.write("Waiting for another installation to end...\n");
    await sleep(200);
  }
}

/** Also names npm: it may outlive this process. */
function holdGuard(npmId) {
  try {
    writeFileSync(guard, `${process.pid} ${npmId}`);
  } catch {
    // Nothing can be written here; there is no guard either.
  }
}

function isLeftBehind() {
  try {
    const holders = readFileSync(guard, "utf8").split(" ").map(Number);
    if (Date.now() - statSync(guard).mtimeMs > guardLimitMs) return true;
    // Between being made and being filled it names nobody.
    return !holders.includes(0) && !holders.some(isAlive);
  } catch {
    // It has just been let go.
    return false;
  }
}

function isAlive(processId) {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, as another user.
    return error.code === "EPERM";
  }
}
