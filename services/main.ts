import { describeConfig } from "../core/config/describe.ts";
import { ConfigError } from "../core/config/faults.ts";
import { suggest } from "../core/config/suggest.ts";
import { MeshError } from "../core/errors/mesh-error.ts";
import { exitCodes, UserFault } from "../core/lifecycle/user-fault.ts";
import { flushLogs } from "../core/telemetry/log.ts";
import { commands } from "./commands/catalogue.ts";
import type { Command } from "./commands/command.ts";
import { commandHelp, configHelp, overview } from "./commands/help.ts";
import { version } from "./commands/places.ts";

// `cxmpute COMMAND [SETTINGS]`. The only file, with those in commands/, that sees several services.

endQuietlyWithoutReader();
const [command = "help", ...args] = process.argv.slice(2);
const exitCode = await main(command, args).catch((error: unknown) => report(error, command));
flushLogs();
// Whatever is still open, nothing is left running.
process.exit(exitCode);

async function main(name: string, args: readonly string[]): Promise<number> {
  const services = commands.map(({ settings }) => settings);
  const wantsHelp = args.slice(0, indexOr(args, "--")).some((arg) => arg === "--help" || arg === "-h");
  if (["--help", "-h", "help"].includes(name)) return print(helpOn(args[0]));
  if (["--version", "-v", "version"].includes(name)) return print(`cxmpute ${version}\n`);
  if (name === "config") return print(wantsHelp ? configHelp() : showConfig(args));
  const command = find(name);
  if (wantsHelp) return print(commandHelp(command));
  return command.run(command.configure(args, services));
}

/** The resolved configuration of one command, or of all. */
function showConfig(args: readonly string[]): string {
  const services = commands.map(({ settings }) => settings);
  const [name, ...rest] = args;
  if (name !== undefined && !name.startsWith("-")) {
    const command = find(name);
    return describeConfig(command.settings, command.configure(rest, services));
  }
  return commands
    .map((command) => describeConfig(command.settings, command.configure(args, services)))
    .join("\n");
}

function helpOn(name: string | undefined): string {
  if (name === undefined || name.startsWith("-")) return overview();
  return name === "config" ? configHelp() : commandHelp(find(name));
}

function find(name: string): Command {
  const command = commands.find(({ settings }) => settings.section === name);
  if (command !== undefined) return command;
  const names = [...commands.map(({ settings }) => settings.section), "config"];
  const kind = name.startsWith("-") ? "flag" : "command";
  throw new UserFault(
    `unknown ${kind} "${name}"${suggest(name, names) || "."} cxmpute --help lists the commands.`,
    { exitCode: exitCodes.usage },
  );
}

/** Tells a failure in a line, or a line for each fault; resolves to the exit code. */
function report(error: unknown, name: string): number {
  const about = commands.some(({ settings }) => settings.section === name) ? `cxmpute ${name}` : "cxmpute";
  flushLogs();
  if (error instanceof ConfigError) return say(`${about}: ${error.message}`, exitCodes.usage);
  if (error instanceof UserFault) return say(`${about}: ${error.message}`, error.exitCode);
  if (error instanceof MeshError && error.kind !== "internal")
    return say(`${about}: ${error.message}`, exitCodes.failed);
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return say(`${about}: this is a bug, please report it: ${detail}`, exitCodes.failed);
}

function say(text: string, code: number): number {
  process.stderr.write(`${text}\n`);
  return code;
}

function print(text: string): number {
  process.stdout.write(text);
  return exitCodes.ok;
}

function indexOr(args: readonly string[], wanted: string): number {
  const index = args.indexOf(wanted);
  return index < 0 ? args.length : index;
}

/** `cxmpute models | head -1` closes the pipe early; that is no failure. */
function endQuietlyWithoutReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(exitCodes.ok);
    throw error;
  });
  process.stderr.on("error", () => {
    // Nobody is left to tell.
  });
}
