import { exitCodes } from "../core/lifecycle/user-fault.ts";
import { flushLogs } from "../core/telemetry/log.ts";
import { runCommandLine } from "./commands/command-line.ts";

// `cxmpute COMMAND [SETTINGS]`.

// `cxmpute models | head -1` closes the pipe early, which is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exitCodes.ok);
  // The terminal was closed, which the system also reports by SIGHUP.
  if (error.code !== "EIO") throw error;
});
process.stderr.on("error", () => {});

const exitCode = await runCommandLine(process.argv.slice(2), process);
flushLogs();
// Ends whatever is still open.
process.exit(exitCode);
