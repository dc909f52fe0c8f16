import { mask } from "../telemetry/redact.ts";
import type { Setting } from "./settings.ts";
import { optionsOf, type Shape, shapeOf } from "./shape.ts";
import { suggest } from "./suggest.ts";

/** A value, or what is wrong with it. */
export type Reading = { readonly value: unknown } | { readonly fault: string };

/**
 * Reads what flags or the environment say. Text becomes exactly what the schema wants or a fault: `true` and
 * `false` are the only booleans, decimal notation the only numbers, and nothing is guessed.
 */
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

/** Reads what a file says, whose values have types of their own. One value stands for a list of one. */
export function readTyped(setting: Setting, raw: unknown): Reading {
  const isList = shapeOf(setting.schema).kind === "list";
  return check(setting, isList && !Array.isArray(raw) ? [raw] : raw);
}

/** The texts in an environment variable: a list is separated by commas. */
export const splitVariable = (setting: Setting, text: string): string[] =>
  shapeOf(setting.schema).kind === "list" ? text.split(",").map((part) => part.trim()) : [text];

/** Text as the type that is wanted, or as it is when it is none: the check then says so. */
function fromText(text: string, { kind }: Shape): unknown {
  if (kind === "number" && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (kind === "boolean" && /^(true|false)$/.test(text)) return text === "true";
  return text;
}

/** Holds a value of its own type against the schema. The fault shows the value, unless it is a secret. */
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

/** YAML reads `123` and `true` as what they look like; where text is meant, it needs quotes. */
function quoteHint(setting: Setting, raw: unknown, wrong: unknown): string {
  const quoted = Array.isArray(raw) ? raw.map(String) : String(wrong);
  return setting.schema.safeParse(quoted).success ? "; put quotes around it" : "";
}
