import { type Config, loadConfig } from "../../core/config/load.ts";
import type { SchemaTable, Settings } from "../../core/config/settings.ts";

/** One command of the command line. */
export interface Command {
  readonly settings: Settings;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** What it does and how to use it, with examples, for its own help. */
  readonly about: string;
  /** What words beside the flags mean, in order. */
  readonly words?: readonly string[];
  /** Resolves its configuration; throws a ConfigError with every fault. */
  configure(args: readonly string[], services: readonly Settings[]): Config;
  /** Does it; resolves to the exit code. */
  run(config: Config): Promise<number>;
}

/** What a command is made of; `run` loads what it needs by itself, so that others start without it. */
interface CommandParts<Schemas extends SchemaTable> extends Omit<Command, "settings" | "configure" | "run"> {
  readonly settings: Settings<Schemas>;
  run(config: Config<Schemas>): Promise<number>;
}

/** Makes a command, with the types of its settings checked against what runs. */
export function defineCommand<Schemas extends SchemaTable>(parts: CommandParts<Schemas>): Command;
export function defineCommand(parts: CommandParts<SchemaTable>): Command {
  const { settings, words = [] } = parts;
  return {
    ...parts,
    configure: (args, services) => loadConfig({ settings, args, services, words }),
  };
}
