// Installs what a lockfile asks for, when that is not what is installed.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fail, packageFolder, passSignals } from "./hand-over.mjs";
import { watchInstallation } from "./watch-installation.mjs";

/** Held while installing; names the process that does. */
const guard = join(packageFolder, ".cache", "installing");

/**
 * Installs the packages of a folder, called `name` in messages, unless what its lockfile asks for is there, `file`
 * included. Ends the process when that fails, and when a production tree (`npm ci --omit=dev`) does not fit its
 * lockfile: nothing is ever installed over such a tree.
 */
export async function install(folder, name, file = folder) {
  if (isInstalled(folder, file)) return;
  await takeGuard();
  const fault = isInstalled(folder, file) ? undefined : await runNpm(folder, name);
  rmSync(guard, { force: true });
  if (fault !== undefined) fail(fault);
  // npm counts an optional package that it could not get as a success.
  if (!existsSync(file))
    fail(
      `npm could not get ${name}. Check the network and \`npm config get registry\`, then run this again.`,
    );
}

/**
 * Compares the lockfile with npm's record of what it has installed, which it writes last. Optional packages may be
 * missing, since most are for other platforms, and in a production tree those for development are.
 */
function isInstalled(folder, file) {
  const wanted = readPackages(join(folder, "package-lock.json"));
  const found = readPackages(join(folder, "node_modules", ".package-lock.json"));
  if (found === undefined || !existsSync(file)) return false;
  const isForDevelopment = ({ dev, devOptional }) => dev || devOptional;
  const isProduction =
    Object.values(wanted).some(isForDevelopment) && !Object.values(found).some(({ dev }) => dev);
  const fits = Object.entries(wanted).every(([path, entry]) => {
    const there = found[path];
    if (there === undefined)
      return path === "" || entry.optional || (isProduction && isForDevelopment(entry));
    return there.version === entry.version && there.integrity === entry.integrity;
  });
  if (isProduction && !fits)
    fail(
      "The installed packages do not match package-lock.json. Run `npm ci --omit=dev`, then run this again.",
    );
  return fits;
}

const readPackages = (lockfile) =>
  existsSync(lockfile) ? JSON.parse(readFileSync(lockfile, "utf8")).packages : undefined;

/** Resolves to what went wrong, if anything did. A signal is passed on, and npm's end is waited for. */
async function runNpm(folder, name) {
  process.stderr.write(`Installing ${name}...\n`);
  // Under npm this is npm itself; other package managers name themselves here.
  const caller = process.env.npm_execpath ?? "";
  const [command, ...first] = basename(caller) === "npm-cli.js" ? [process.execPath, caller] : ["npm"];
  // Where connections are refused, npm's own waits between attempts add up to more than a minute.
  const flags = ["--no-audit", "--no-fund", "--loglevel=http", "--fetch-retry-maxtimeout=10000"];
  const npm = spawn(command, [...first, "ci", ...flags], {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
    shell: command === "npm" && process.platform === "win32",
  });
  // npm may outlive this process.
  if (npm.pid !== undefined) writeFileSync(guard, String(npm.pid));
  const stopPassing = passSignals(npm);
  const watch = watchInstallation(folder, name, readPackages(join(folder, "package-lock.json")), npm);
  createInterface({ input: npm.stderr }).on("line", (line) => {
    watch.sawLine(line);
    // Its warnings are about the old Node that this is here to replace.
    if (line.startsWith("npm error")) process.stderr.write(`${line}\n`);
  });
  const fault = await new Promise((resolve) => {
    npm.on("error", ({ code, message }) =>
      resolve(
        code === "ENOENT"
          ? "npm was not found, and the dependencies are not installed. Install npm (it comes with Node) and run this again."
          : `npm does not start: ${message}`,
      ),
    );
    npm.on("close", (code, signal) => {
      if (code === 0) resolve(undefined);
      else if (signal !== null) resolve("The installation was interrupted.");
      else resolve("The installation failed; npm's message above says why. Fix it and run this again.");
    });
  });
  stopPassing();
  return watch.stop() ?? fault;
}

/** Waits until no other process installs. */
async function takeGuard() {
  for (let isFirst = true; ; isFirst = false) {
    try {
      mkdirSync(dirname(guard), { recursive: true });
      writeFileSync(guard, String(process.pid), { flag: "wx" });
      return;
    } catch ({ code, message }) {
      if (code !== "EEXIST") fail(`Nothing can be installed here: ${message}`);
    }
    if (!isHeld()) rmSync(guard, { force: true });
    else if (isFirst)
      process.stderr.write(
        `Waiting for another installation to end (if there is none, remove ${guard})...\n`,
      );
    await sleep(200);
  }
}

/** Whether the process that the guard names lives, or there is none to be named yet or any more. */
function isHeld() {
  try {
    return process.kill(Number(readFileSync(guard, "utf8")), 0);
  } catch ({ code }) {
    return code !== "ESRCH";
  }
}
