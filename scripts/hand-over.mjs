// Continues on a Node that can run the project: in this process when it is one, else in another whose terminal,
// signals and exit code are this one's.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import module, { createRequire } from "node:module";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The first Node that runs TypeScript as it is, with all that the project uses. */
const wantedMajor = 24;

export const packageFolder = dirname(dirname(fileURLToPath(import.meta.url)));

/** Node keeps what it has compiled here, which halves the time to load the project from the second start on. */
const compileCache = process.env.NODE_COMPILE_CACHE ?? join(packageFolder, ".cache", "compiled");

/** Whether this very process can run the project. */
export const isWantedNode = Number(process.versions.node.split(".")[0]) >= wantedMajor;

/** The npm package that carries a Node for this machine. */
export const nodePackage = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;

/** The Node among the dependencies, or undefined when there is none. */
export function findInstalledNode() {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(`${nodePackage}/package.json`));
    const node = join(folder, "bin", process.platform === "win32" ? "node.exe" : "node");
    return existsSync(node) ? node : undefined;
  } catch {
    return undefined;
  }
}

/** Runs a script with arguments as if it had been started in the first place. */
export async function handOver(script, args) {
  if (isWantedNode) {
    module.enableCompileCache(compileCache);
    process.argv = [process.execPath, script, ...args];
    await import(pathToFileURL(script).href);
    return;
  }
  const node = findInstalledNode();
  if (node === undefined)
    return fail(
      `This project runs on Node ${wantedMajor} or newer; this is Node ${process.versions.node}, and npm has not installed ${nodePackage}. Install Node ${wantedMajor} from https://nodejs.org and run this again.`,
    );
  const child = spawn(node, [script, ...args], {
    stdio: "inherit",
    env: {
      ...process.env,
      PATH: [dirname(node), process.env.PATH].join(delimiter),
      NODE_COMPILE_CACHE: compileCache,
    },
  });
  passSignals(child);
  child.on("error", (error) => fail(`${node} does not start: ${error.message}`));
  child.on("exit", (code, signal) => {
    process.exitCode = signal === null ? code : 128 + constants.signals[signal];
  });
}

/**
 * From now on this process stays until the other one has ended, and passes on what only it has got. A Ctrl-C is
 * not: a terminal sends it to both, and the other one would take it for two, which means "at once" instead of "in
 * order".
 */
export function passSignals(child) {
  const hasTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY === true);
  process.on("SIGINT", () => {
    if (!hasTerminal) child.kill("SIGINT");
  });
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
