import { readConfigFile } from "./config-file.ts";
import type { Environment } from "./environment.ts";
import type { Fault } from "./faults.ts";
import { type Flags, parseFlags } from "./flags.ts";
import { type Reading, readTexts, readTyped, splitVariable } from "./read-value.ts";
import {
  byName,
  nameOf,
  type Setting,
  type Settings,
  toFlag,
  toVariable,
  variablePrefix,
} from "./settings.ts";
import { shapeOf } from "./shape.ts";
import { suggest } from "./suggest.ts";

/** A value for a setting, from one source. */
export interface Claim {
  readonly section: string;
  readonly name: string;
  readonly origin: string;
  read(setting: Setting): Reading;
}

/** The claims of one source, and the faults of its form. */
export interface Source {
  readonly claims: readonly Claim[];
  readonly faults: readonly Fault[];
}

/** The name of the setting for the configuration file. */
export const configName = "config";

/** The claims of a file for all services; none without a file. */
export function fromFile(path: string | undefined, services: readonly Settings[]): Source {
  if (path === undefined) return { claims: [], faults: [] };
  const sections = services.map(({ section }) => section);
  const sectionsWith = (name: string) =>
    services
      .filter((service) =>
        Object.entries(service.table).some(([key, setting]) =>
          [nameOf(key, setting), setting.fileName].includes(name),
        ),
      )
      .map(({ section }) => section);
  const { entries, faults } = readConfigFile(path, sections, sectionsWith);
  const names = namesInFiles(services);
  const claims = new Map<string, Claim>();
  for (const { section, name: written, where, value } of entries) {
    const name = names.get(`${section}.${written}`) ?? written;
    const key = `${section}.${name}`;
    const former = claims.get(key);
    if (former !== undefined) faults.push({ where, message: `given twice: here, and at ${former.origin}` });
    else claims.set(key, { section, name, origin: where, read: (setting) => readTyped(setting, value) });
  }
  return { claims: [...claims.values()], faults };
}

/** Settings by `section.name`, for the names that only files use. */
const namesInFiles = (services: readonly Settings[]): ReadonlyMap<string, string> =>
  new Map(
    services.flatMap(({ section, table }) =>
      Object.entries(table).map(
        ([key, setting]) => [`${section}.${setting.fileName ?? ""}`, nameOf(key, setting)] as const,
      ),
    ),
  );

/**
 * The claims of the environment for one service. Empty variables count as unset; unknown `CXMPUTE_…` ones are faults,
 * except those that Kubernetes makes for a Service of such a name.
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

/** The claims of the command line for one service, with its flags and words, which hold more than settings. */
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
