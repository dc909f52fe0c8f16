// Continues on a Node that can run the project: in this process when it is one, else in another whose terminal,
// signals and exit code are this one's.

import { spawn } from "node:child_process";
import module from "node:module";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The folder of this project. */
export const packageFolder = dirname(dirname(fileURLToPath(import.meta.url)));

/** Whether this very process can run the project: it runs TypeScript as it is, with all that the project uses. */
export const isWantedNode = Number(process.versions.node.split(".")[0]) >= 24;

/** The project that carries a Node 24 for each platform, as npm packages. Nothing of it is installed on Node 24. */
export const nodeFolder = join(packageFolder, "scripts", "node24");

/** The package for this platform, which may not exist. */
export const nodePackage = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;

/** The Node 24 in it, which is there once it is installed. */
export const ownNode = join(
  nodeFolder,
  "node_modules",
  nodePackage,
  "bin",
  process.platform === "win32" ? "node.exe" : "node",
);

/** Node keeps what it has compiled here, which halves the time to load the project from the second start on. */
const compileCache = process.env.NODE_COMPILE_CACHE ?? join(packageFolder, ".cache", "compiled");

/** Runs a script with arguments as if it had been started in the first place. */
export async function handOver(script, args) {
  if (isWantedNode) {
    module.enableCompileCache(compileCache);
    process.argv = [process.execPath, script, ...args];
    await import(pathToFileURL(script).href);
    return;
  }
  const child = spawn(ownNode, [script, ...args], {
    stdio: "inherit",
    env: {
      ...process.env,
      PATH: [dirname(ownNode), process.env.PATH].join(delimiter),
      NODE_COMPILE_CACHE: compileCache,
    },
  });
  passSignals(child);
  child.on("error", (error) =>
    fail(`${ownNode} does not start here (${error.message}). Install Node 24 from https://nodejs.org.`),
  );
  child.on("exit", (code, signal) => {
    process.exitCode = signal === null ? code : 128 + constants.signals[signal];
  });
}

/**
 * From now on this process stays until the other one has ended, and passes on what only it has got. A Ctrl-C is
 * not: a terminal sends it to both, and the other one would take it for two, which means "at once" instead of "in
 * order". Returns the way back.
 */
export function passSignals(child) {
  const hasTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY === true);
  const pass = (signal) => {
    if (signal !== "SIGINT" || !hasTerminal) child.kill(signal);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, pass);
  return () => {
    for (const signal of signals) process.off(signal, pass);
  };
}

/** Ends the process with a message. */
export function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
