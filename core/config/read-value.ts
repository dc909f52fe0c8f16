import { mask } from "../telemetry/redact.ts";
import type { Setting } from "./settings.ts";
import { optionsOf, type Shape, shapeOf } from "./shape.ts";
import { suggest } from "./suggest.ts";

/** A value, or what is wrong with it. */
export type Reading = { readonly value: unknown } | { readonly fault: string };

/** Reads a value from flags or the environment, strictly: booleans are `true` or `false`, numbers decimal. */
export function readTexts(setting: Setting, texts: readonly string[]): Reading {
  const shape = shapeOf(setting.schema);
  if (shape.kind === "list") {
    const { element } = shape;
    return check(
      setting,
      texts.map((text) => fromText(text, element)),
    );
  }
  if (texts.length > 1) return { fault: "given more than once; give it once" };
  return check(setting, fromText(texts[0] ?? "", shape));
}

/** Reads a typed value from a file. A single value may stand for a list of one. */
export function readTyped(setting: Setting, raw: unknown): Reading {
  const isList = shapeOf(setting.schema).kind === "list";
  return check(setting, isList && !Array.isArray(raw) ? [raw] : raw);
}

/** The texts in an environment variable: a list is separated by commas. */
export const splitVariable = (setting: Setting, text: string): string[] =>
  shapeOf(setting.schema).kind === "list" ? text.split(",").map((part) => part.trim()) : [text];

/** Text as the wanted type, else unchanged, which the check then refuses. */
function fromText(text: string, { kind }: Shape): unknown {
  if (kind === "number" && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (kind === "boolean" && /^(true|false)$/.test(text)) return text === "true";
  return text;
}

/** Checks a typed value against the schema. The fault shows the value, unless it is a secret. */
function check(setting: Setting, raw: unknown): Reading {
  const result = setting.schema.safeParse(raw);
  if (result.success) return { value: result.data };
  const issue = result.error.issues[0]!;
  const wrong = issue.path.reduce<unknown>((value, step) => Object(value)[step], raw);
  const wanted = issue.code === "custom" ? issue.message : `expected ${shapeOf(setting.schema).expects}`;
  const got = setting.secret === true ? mask : JSON.stringify(wrong);
  const hint =
    typeof wrong === "string" ? suggest(wrong, optionsOf(setting.schema)) : quoteHint(setting, raw, wrong);
  return { fault: `${wanted}, got ${got}${hint}` };
}

/** YAML reads `123` and `true` as number and boolean, so as text they need quotes. */
function quoteHint(setting: Setting, raw: unknown, wrong: unknown): string {
  const quoted = Array.isArray(raw) ? raw.map(String) : String(wrong);
  return setting.schema.safeParse(quoted).success ? "; put quotes around it" : "";
}
