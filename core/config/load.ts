import { type Environment, processEnvironment } from "./environment.ts";
import { ConfigError, type Fault } from "./faults.ts";
import type { Reading } from "./read-value.ts";
import {
  byName,
  nameOf,
  type SchemaTable,
  type Settings,
  toFlag,
  toVariable,
  type ValuesOf,
} from "./settings.ts";
import { shapeOf } from "./shape.ts";
import { configName, fromEnvironment, fromFile, fromFlags, type Source } from "./sources.ts";
import { suggest } from "./suggest.ts";

/** How to load a configuration. */
export interface LoadOptions<Schemas extends SchemaTable> {
  readonly settings: Settings<Schemas>;
  /** The command line after the command's name. */
  readonly args: readonly string[];
  /** The settings of all services, which a file or environment may hold; default: only this one's. */
  readonly services?: readonly Settings[];
  /** Names of the words beside the flags, in order, such as `MESSAGE`; further words are faults. */
  readonly words?: readonly string[];
  readonly environment?: Environment;
}

/** A service's effective configuration. */
export interface Config<Schemas extends SchemaTable = SchemaTable> {
  readonly values: ValuesOf<Schemas>;
  /** The source of each value: `--listen`, `CXMPUTE_LISTEN`, `mesh.yaml:3 router.listen`, or `default`. */
  readonly origins: { readonly [Key in keyof Schemas]: string };
  readonly words: readonly string[];
}

/** The source of a default. */
export const defaultOrigin = "default";

/**
 * Resolves the configuration of one service: flags override the environment, which overrides the file of `--config` or
 * `CXMPUTE_CONFIG`. Checks every value, also overridden ones. Throws a `ConfigError` with all faults.
 */
export function loadConfig<Schemas extends SchemaTable>(options: LoadOptions<Schemas>): Config<Schemas>;
export function loadConfig(options: LoadOptions<SchemaTable>): Config {
  const { settings, args, environment = processEnvironment, words = [] } = options;
  const services = options.services ?? [settings];

  const flags = fromFlags(args, settings);
  const path = flags.given.get(configName)?.at(-1) ?? (environment[toVariable(configName)] || undefined);
  const sources = [fromFile(path, services), fromEnvironment(environment, settings, services), flags];

  const faults: Fault[] = [];
  const found = resolve(sources, settings, services, faults);
  for (const word of flags.words.slice(words.length))
    faults.push({ where: word, message: `not expected here${describeWords(words)}` });
  faults.push(...findMissing(settings, sources, faults));

  const entries = Object.entries(settings.table);
  const values = Object.fromEntries(
    entries.map(([key, setting]) => [key, found.has(key) ? found.get(key)!.value : setting.default]),
  );
  const origins = Object.fromEntries(entries.map(([key]) => [key, found.get(key)?.origin ?? defaultOrigin]));
  if (faults.length === 0) {
    const report = (key: string, message: string) =>
      faults.push({ where: found.get(key)?.origin ?? toFlag(nameOf(key, settings.table[key]!)), message });
    settings.check(values, report, (key) => found.has(key));
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return { values, origins, words: flags.words };
}

/** The last valid value counts. */
function resolve(
  sources: readonly Source[],
  settings: Settings,
  services: readonly Settings[],
  faults: Fault[],
): ReadonlyMap<string, { readonly value: unknown; readonly origin: string }> {
  const found = new Map<string, { value: unknown; origin: string }>();
  const tables = new Map([...services, settings].map((service) => [service.section, byName(service)]));
  for (const source of sources) {
    faults.push(...source.faults);
    for (const { section, name, origin, read } of source.claims) {
      const table = tables.get(section)!;
      const known = table.get(name);
      const reading = known === undefined ? unknownSetting(name, table.keys()) : read(known.setting);
      if ("fault" in reading) faults.push({ where: origin, message: reading.fault });
      else if (section === settings.section) found.set(known!.key, { value: reading.value, origin });
    }
  }
  return found;
}

const unknownSetting = (name: string, names: Iterable<string>): Reading => ({
  fault: `unknown setting${suggest(name, names)}`,
});

/** Required settings that are missing; one with a wrong value is not missing as well. */
function findMissing(settings: Settings, sources: readonly Source[], faults: readonly Fault[]): Fault[] {
  const claims = sources.flatMap(({ claims }) => claims);
  const isMentioned = (name: string) =>
    claims.some((claim) => claim.section === settings.section && claim.name === name) ||
    faults.some(({ where }) => where === toFlag(name));
  return [...byName(settings)]
    .filter(([name, { setting }]) => setting.default === undefined && !isMentioned(name))
    .filter(([, { setting }]) => !setting.schema.safeParse(undefined).success)
    .map(([name, { setting }]) => ({
      where: toFlag(name),
      message: `required: ${shapeOf(setting.schema).expects}; or set ${toVariable(name)}, or ${name} in the section ${settings.section} of a configuration file`,
    }));
}

const describeWords = (words: readonly string[]): string =>
  words.length === 0 ? "; flags start with --" : `; besides flags, this command takes ${words.join(" ")}`;
