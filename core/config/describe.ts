import { Document, isMap, isScalar, Scalar } from "yaml";
import { mask } from "../telemetry/redact.ts";
import { wrap } from "../terminal.ts";
import type { Config } from "./load.ts";
import { byName, type Setting, type Settings, toFlag, toVariable } from "./settings.ts";
import { shapeOf } from "./shape.ts";
import { configName } from "./sources.ts";

/** Help for each setting: flag, purpose, default and variable. Ends with a newline. */
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
  const { default: value, secret } = setting;
  const isEmpty = value === undefined || value === false || (Array.isArray(value) && value.length === 0);
  const shown = secret === true ? mask : Array.isArray(value) ? value.join(",") : String(value);
  return [
    ...(isEmpty ? [] : [`default ${shown}`]),
    ...(shapeOf(setting.schema).kind === "list" ? ["can be repeated"] : []),
    toVariable(name),
  ].map((fact) => fact.replaceAll(" ", unbroken));
}

/** The effective configuration as YAML, each value with its source, secrets masked. */
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

/** A space at which no line is broken. */
const unbroken = "\u00a0";
