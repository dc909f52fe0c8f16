import { Document, isMap, isScalar, Scalar } from "yaml";
import { mask } from "../telemetry/redact.ts";
import { wrap } from "../terminal.ts";
import type { Config } from "./load.ts";
import { byName, type Setting, type Settings, toFlag, toVariable } from "./settings.ts";
import { shapeOf } from "./shape.ts";
import { configName } from "./sources.ts";

/** Help for each setting: its flag, what it does, its default and its variable. Ends with a newline. */
export function describeSettings(settings: Settings): string {
  const rows = [...byName(settings)].map(([name, { setting }]) => ({
    flag: [toFlag(name), setting.placeholder ?? []].flat().join(" "),
    text: `${setting.help} (${factsOf(name, setting).join("; ")})`,
  }));
  rows.push({
    flag: `${toFlag(configName)} FILE`,
    text: `YAML file with settings, in a section \`${settings.section}:\` (${toVariable(configName)})`,
  });
  const width = Math.max(...rows.map(({ flag }) => flag.length));
  return rows
    .flatMap(({ flag, text }) => wrap(text, `  ${flag.padEnd(width)}  `))
    .map((line) => `${line.replaceAll(unbroken, " ")}\n`)
    .join("");
}

function factsOf(name: string, setting: Setting): string[] {
  const { default: standing, secret } = setting;
  const isEmpty =
    standing === undefined || standing === false || (Array.isArray(standing) && standing.length === 0);
  const shown = secret === true ? mask : Array.isArray(standing) ? standing.join(",") : String(standing);
  return [
    ...(isEmpty ? [] : [`default ${shown}`]),
    ...(shapeOf(setting.schema).kind === "list" ? ["can be repeated"] : []),
    toVariable(name),
  ].map((fact) => fact.replaceAll(" ", unbroken));
}

/** The resolved configuration as YAML that can be used again, each value with its origin, secrets masked. */
export function describeConfig(settings: Settings, { values, origins }: Config): string {
  const document = new Document({ [settings.section]: {} });
  const section = document.get(settings.section);
  if (!isMap(section)) throw new TypeError("A mapping was made above.");
  const unset: string[] = [];
  for (const [name, { key, setting }] of byName(settings)) {
    const value = values[key];
    if (value === undefined) {
      unset.push(` ${name}: not set`);
      continue;
    }
    const shown = setting.secret !== true ? value : Array.isArray(value) ? value.map(() => mask) : mask;
    const node = document.createNode(shown);
    if (isScalar(node)) node.comment = ` ${origins[key]}`;
    else node.commentBefore = ` ${origins[key]}`;
    section.set(new Scalar(name), node);
  }
  if (unset.length > 0) section.comment = unset.join("\n");
  return `${document.toString({ lineWidth: 0 }).trimEnd()}\n`;
}

/** Stands for a space at which no line ends. */
const unbroken = "\u00a0";
