import { readConfigFile } from "./config-file.ts";
import type { Environment } from "./environment.ts";
import type { Fault } from "./faults.ts";
import { type Flags, parseFlags } from "./flags.ts";
import { type Reading, readTexts, readTyped, splitVariable } from "./read-value.ts";
import { byName, type Setting, type Settings, toFlag, toVariable, variablePrefix } from "./settings.ts";
import { shapeOf } from "./shape.ts";
import { suggest } from "./suggest.ts";

/** Somebody says what a setting shall be. */
export interface Claim {
  /** The service it is meant for. */
  readonly section: string;
  /** The setting's name. */
  readonly name: string;
  /** Who says so, such as `--listen`. */
  readonly origin: string;
  /** The value that is claimed, held against its setting. */
  read(setting: Setting): Reading;
}

/** What one source says, and what is wrong with its form. */
export interface Source {
  readonly claims: readonly Claim[];
  readonly faults: readonly Fault[];
}

/** The flag, and by it the variable, that name the configuration file. */
export const configName = "config";

/** What a file says to any of the services; nothing when there is no file. */
export function fromFile(path: string | undefined, services: readonly Settings[]): Source {
  if (path === undefined) return { claims: [], faults: [] };
  const sections = services.map(({ section }) => section);
  const { entries, faults } = readConfigFile(path, sections);
  const claims = entries.map(({ section, name, where, value }) => ({
    section,
    name,
    origin: where,
    read: (setting: Setting) => readTyped(setting, value),
  }));
  return { claims, faults };
}

/**
 * What the environment says to one service. Empty variables say nothing, as in containers. Variables that begin
 * with `CXMPUTE_` and mean nothing to any service are faults, but for those that Kubernetes makes for a Service
 * of such a name.
 */
export function fromEnvironment(
  environment: Environment,
  settings: Settings,
  services: readonly Settings[],
): Source {
  const claims = [...byName(settings).keys()].flatMap((name) => {
    const variable = toVariable(name);
    const text = environment[variable];
    if (text === undefined || text === "") return [];
    const read = (setting: Setting) => readTexts(setting, splitVariable(setting, text));
    return { section: settings.section, name, origin: variable, read };
  });
  const known = new Set([configName, ...services.flatMap((one) => [...byName(one).keys()])].map(toVariable));
  const faults = Object.keys(environment)
    .filter((name) => name.startsWith(variablePrefix) && !known.has(name) && !madeByKubernetes.test(name))
    .map((name) => ({ where: name, message: `unknown variable${suggest(name, known)}` }));
  return { claims, faults };
}

/** For a Service named `cxmpute-router`, pods get `CXMPUTE_ROUTER_SERVICE_HOST`, `CXMPUTE_ROUTER_PORT` and more. */
const madeByKubernetes = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT|PORT_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)$/;

/** What the command line says to one service; its flags and words are kept, for they hold more than settings. */
export function fromFlags(
  args: readonly string[],
  settings: Settings,
): Source & Pick<Flags, "given" | "words"> {
  const forms = new Map([[configName, { isSwitch: false }]]);
  for (const [name, { setting }] of byName(settings))
    forms.set(name, { isSwitch: shapeOf(setting.schema).kind === "boolean" });
  const { given, words, faults } = parseFlags(args, forms);
  const claims = [...given]
    .filter(([name]) => name !== configName)
    .map(([name, texts]) => ({
      section: settings.section,
      name,
      origin: toFlag(name),
      read: (setting: Setting) => readTexts(setting, texts),
    }));
  return { claims, faults, given, words };
}
