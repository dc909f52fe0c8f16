import type { Environment } from "../../core/config/environment.ts";
import { type Config, loadConfig } from "../../core/config/load.ts";
import type { SchemaTable, Settings } from "../../core/config/settings.ts";

/** One command of the command line. */
export interface Command {
  readonly settings: Settings;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** Description and examples, for its own help. */
  readonly about: string;
  /** Names of the words beside the flags, in order. */
  readonly words?: readonly string[];
  /** Resolves its configuration; throws a ConfigError with all faults. */
  configure(args: readonly string[], services: readonly Settings[], environment: Environment): Config;
  /** Resolves to the exit code. */
  run(config: Config): Promise<number>;
}

/** How to define a command; `run` imports what it needs, so that other commands start without it. */
interface CommandParts<Schemas extends SchemaTable> extends Omit<Command, "settings" | "configure" | "run"> {
  readonly settings: Settings<Schemas>;
  run(config: Config<Schemas>): Promise<number>;
}

/** Defines a command with typed settings. */
export function defineCommand<Schemas extends SchemaTable>(parts: CommandParts<Schemas>): Command;
export function defineCommand(parts: CommandParts<SchemaTable>): Command {
  const { settings, words = [] } = parts;
  return {
    ...parts,
    configure: (args, services, environment) => loadConfig({ settings, args, services, words, environment }),
  };
}
