import { type Environment, processEnvironment } from "../../core/config/environment.ts";
import { ConfigError } from "../../core/config/faults.ts";
import { loadConfig } from "../../core/config/load.ts";
import { suggest } from "../../core/config/suggest.ts";
import { MeshError } from "../../core/errors/mesh-error.ts";
import { exitCodes, UserFault } from "../../core/lifecycle/user-fault.ts";
import { flushLogs } from "../../core/telemetry/log.ts";
import { type Command, commands } from "./catalogue.ts";
import { version } from "./places.ts";

/** Where help, configurations and faults are printed. Commands that run print to the process. */
export interface Output {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** Runs `COMMAND [SETTINGS]`, and prints a failure in a line or a line for each fault. Resolves to the exit code. */
export async function runCommandLine(
  [name = "help", ...args]: readonly string[],
  { stdout, stderr }: Output,
  environment: Environment = processEnvironment,
): Promise<number> {
  try {
    const text = await toText(name, args, environment);
    if (text === undefined) {
      const command = find(name);
      return await command.run(configure(command, args, environment));
    }
    stdout.write(text);
    return exitCodes.ok;
  } catch (error) {
    const isCommand = commands.some(({ settings }) => settings.section === name);
    flushLogs();
    stderr.write(`${isCommand ? `cxmpute ${name}` : "cxmpute"}: ${describeFailure(error)}\n`);
    if (error instanceof ConfigError) return exitCodes.usage;
    return error instanceof UserFault ? error.exitCode : exitCodes.failed;
  }
}

/** What a command line that only asks for text prints; undefined when it runs a command. */
async function toText(
  name: string,
  args: readonly string[],
  environment: Environment,
): Promise<string | undefined> {
  const end = args.indexOf("--");
  const flags = end < 0 ? args : args.slice(0, end);
  const wantsHelp = flags.includes("--help") || flags.includes("-h");
  if (["--version", "-v", "version"].includes(name)) return `cxmpute ${version}\n`;
  const isHelp = ["--help", "-h", "help"].includes(name);
  if (!isHelp && !wantsHelp && name !== "config") return undefined;
  // Loaded only here: what measures text for a terminal adds 40 ms to the start of a service.
  const help = await import("./help.ts");
  if (isHelp) return helpOn(args[0], help);
  if (name !== "config") return help.commandHelp(find(name));
  return wantsHelp ? help.configHelp() : showConfig(args, environment);
}

const configure = ({ settings, words }: Command, args: readonly string[], environment: Environment) => {
  const services = commands.map((command) => command.settings);
  return loadConfig({ settings, args, services, words: words ?? [], environment });
};

async function showConfig(args: readonly string[], environment: Environment): Promise<string> {
  const { describeConfig } = await import("../../core/config/describe.ts");
  const [name, ...rest] = args;
  const isNamed = name !== undefined && !name.startsWith("-");
  return (isNamed ? [find(name)] : commands)
    .map((command) =>
      describeConfig(command.settings, configure(command, isNamed ? rest : args, environment)),
    )
    .join("\n");
}

function helpOn(name: string | undefined, help: typeof import("./help.ts")): string {
  if (name === undefined || name.startsWith("-")) return help.overview();
  return name === "config" ? help.configHelp() : help.commandHelp(find(name));
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

function describeFailure(error: unknown): string {
  const isExpected =
    error instanceof ConfigError ||
    error instanceof UserFault ||
    (error instanceof MeshError && error.kind !== "internal");
  if (isExpected) return error.message;
  return `this is a bug, please report it: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
