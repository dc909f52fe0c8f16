// Says how far npm is, and ends it when its registry is out of reach.

import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** Time between two lines, in milliseconds. */
const intervalMs = 10_000;
/** A registry that has answered nothing for this long, while no package came or went, is out of reach. */
const silenceLimitMs = 30_000;

/** Watches `npm`, which installs `packages`, a lockfile's, into `folder`; `name` is what lines call them. */
export function watchInstallation(folder, name, packages, npm) {
  const wanted = Object.keys(packages).filter((path) => path !== "" && isForThisPlatform(packages[path]));
  const listMissing = () => wanted.filter((path) => !existsSync(join(folder, path, "package.json")));
  const startedAt = Date.now();
  let last = { missing: listMissing().length, since: startedAt };
  let hasAnswered = false;
  let fault;

  const timer = setInterval(() => {
    const now = Date.now();
    const missing = listMissing();
    process.stderr.write(`Installing ${name}: ${describe(missing, now)}\n`);
    if (missing.length !== last.missing) last = { missing: missing.length, since: now };
    // Once a registry has answered, npm's own limits tell a slow one from one that is gone.
    if (hasAnswered || now - last.since < silenceLimitMs) return;
    fault =
      "The package registry does not answer. Check the network, a proxy if there is one, and `npm config get registry`, then run this again.";
    npm.kill();
  }, intervalMs);

  function describe(missing, now) {
    const names = missing.slice(0, 3).map((path) => path.replace(/^.*node_modules\//, ""));
    const more = missing.length > names.length ? ` and ${missing.length - names.length} more` : "";
    return [
      `${wanted.length - missing.length} of ${wanted.length} packages`,
      `${Math.round(sizeOf(join(folder, "node_modules")) / 1e6)} MB after ${Math.round((now - startedAt) / 1000)} s`,
      ...(names.length > 0 ? [`still fetching ${names.join(", ")}${more}`] : []),
    ].join(", ");
  }

  return {
    /** Takes a line of npm's log at level `http`. */
    sawLine: (line) => {
      if (/^npm http fetch \S+ \d/.test(line)) hasAnswered = true;
    },
    /** Ends the watch. Returns why npm was ended, if it was. */
    stop: () => {
      clearInterval(timer);
      return fault;
    },
  };
}

/** Optional packages that name no system belong to some that do. */
function isForThisPlatform({ optional, os, cpu, libc }) {
  const allows = (list, value) => list === undefined || [list].flat().includes(value);
  if (optional && os === undefined) return false;
  return allows(os, process.platform) && allows(cpu, process.arch) && allows(libc, "glibc");
}

/** In bytes. Files come and go meanwhile. */
function sizeOf(folder) {
  try {
    return readdirSync(folder, { recursive: true })
      .map((path) => statSync(join(folder, path), { throwIfNoEntry: false })?.size ?? 0)
      .reduce((sum, size) => sum + size, 0);
  } catch {
    return 0;
  }
}
