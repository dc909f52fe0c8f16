import type { z } from "zod";

/** One setting. Its names come from its key in the table (`nameOf`). */
export interface Setting<Schema extends z.ZodType = z.ZodType> {
  /**
   * Text, number, boolean, enum or a list of these; its description completes "expected …" in faults. The first form of
   * a union is that of flags and the environment; the others exist only in files.
   */
  readonly schema: Schema;
  /** Without a default the setting is required, unless its schema is optional. */
  readonly default?: z.output<Schema>;
  /** The value in help, such as `HOST:PORT`; absent for a switch. */
  readonly placeholder?: string;
  readonly help: string;
  readonly secret?: true;
  /** The name, where it is not the key in kebab case: a list's flag is singular, because it is repeated. */
  readonly name?: string;
  /** Another name that a file may use; the two cannot stand side by side. */
  readonly fileName?: string;
}

/** All settings of one service. */
export interface Settings<Schemas extends SchemaTable = SchemaTable> {
  /** The service: its command, and its section in a configuration file. */
  readonly section: string;
  readonly table: { readonly [Key in keyof Schemas]: Setting<Schemas[Key]> };
  /** Checks all values together, once each is valid; see `SettingsCheck`. */
  check(...found: Parameters<SettingsCheck<Schemas>>): void;
}

/** Schemas by key. */
export type SchemaTable = Readonly<Record<string, z.ZodType>>;

/** The values of a service by key. */
export type Values<S extends Settings> = S extends Settings<infer Schemas> ? ValuesOf<Schemas> : never;

/** Each schema's output, by key. */
export type ValuesOf<Schemas extends SchemaTable> = {
  readonly [Key in keyof Schemas]: z.output<Schemas[Key]>;
};

/** A rule over several settings: reports a fault at the setting that should change. */
export type SettingsCheck<Schemas extends SchemaTable> = (
  values: ValuesOf<Schemas>,
  report: (key: keyof Schemas, message: string) => void,
  /** Whether it was set; false for a default. */
  given: (key: keyof Schemas) => boolean,
) => void;

/** Declares the settings of one service, with types. */
export function defineSettings<const Schemas extends SchemaTable>(
  section: string,
  table: { readonly [Key in keyof Schemas]: Setting<Schemas[Key]> },
  check: SettingsCheck<Schemas> = () => {},
): Settings<Schemas> {
  return { section, table, check };
}

/** The settings of a service by their names. */
export function byName(settings: Settings): Map<string, { key: string; setting: Setting }> {
  return new Map(
    Object.entries(settings.table).map(([key, setting]) => [nameOf(key, setting), { key, setting }]),
  );
}

/** The setting's one name: `logLevel` is `log-level` in a file, `--log-level`, `CXMPUTE_LOG_LEVEL`. */
export function nameOf(key: string, setting: Setting): string {
  return setting.name ?? key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The flag of a setting's name. */
export const toFlag = (name: string): string => `--${name}`;

/** The environment variable of a setting's name. */
export const toVariable = (name: string): string =>
  `${variablePrefix}${name.toUpperCase().replaceAll("-", "_")}`;

/** Every variable of the project starts with this. */
export const variablePrefix = "CXMPUTE_";
