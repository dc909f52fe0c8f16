import { execFile } from "node:child_process";

/** Runs an installer to its end, within two minutes; throws with the end of what it said when it fails. */
export function run(program: string, args: readonly string[], folder: string): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd: folder, timeout: 120_000 }, (error, stdout, stderr) => {
      if (error === null) return resolve();
      const said = (stderr || stdout || error.message).trim().split("\n").slice(-3).join(" ");
      reject(new Error(`${program} ${args[0]} failed: ${said}`));
    });
  });
}
