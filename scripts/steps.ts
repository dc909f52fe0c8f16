import { spawn } from "node:child_process";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { processEnvironment } from "../core/config/environment.ts";

/** The folder of the project. */
export const projectFolder = fileURLToPath(new URL("..", import.meta.url));

/** One thing to do. */
export interface Step {
  readonly name: string;
  /** Does it; resolves to what went wrong, or undefined. */
  readonly run: () => Promise<string | undefined>;
}

/** Does steps in order, a line each with its time; stops at the first that fails. Resolves to the exit code. */
export async function runSteps(steps: readonly Step[]): Promise<number> {
  for (const { name, run } of steps) {
    const startedAt = performance.now();
    const fault = await run();
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(6);
    process.stdout.write(`${fault === undefined ? "ok    " : "FAILED"} ${seconds} s  ${name}\n`);
    if (fault !== undefined) {
      process.stdout.write(`\n${fault.trimEnd()}\n`);
      return 1;
    }
  }
  return 0;
}

/** A step that runs a program of the dependencies, or of the system; what it says is shown when it fails. */
export const program = (name: string, command: string, ...args: string[]): Step => ({
  name,
  run: async () => {
    const { code, output } = await runProgram(command, args);
    return code === 0 ? undefined : output || `${command} ended with ${code}.`;
  },
});

/** Runs a program in the project's folder; resolves to how it ended and all that it said. */
export function runProgram(
  command: string,
  args: readonly string[],
): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: projectFolder,
      // Programs do not see the terminal, and some colour what they say even so.
      env: { ...processEnvironment, PATH: searchPath, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
      // There the programs of the dependencies are scripts for the shell.
      shell: process.platform === "win32",
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text: string) => {
        output += text;
      });
    }
    child.on("error", ({ message }) =>
      resolve({ code: 1, output: `${command} does not start: ${message}\n` }),
    );
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

/** The dependencies' programs, run by this very Node, before the system's. */
const searchPath = [
  join(projectFolder, "node_modules", ".bin"),
  dirname(process.execPath),
  processEnvironment.PATH ?? "",
].join(delimiter);
