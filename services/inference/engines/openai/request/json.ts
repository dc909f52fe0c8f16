/** Valid JSON text that goes into a body verbatim, with its order of keys. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** JSON of a body; undefined members are omitted. */
export type Json =
  | string
  | number
  | boolean
  | null
  | JsonText
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

/** A JSON object of a body. */
export type JsonObject = { readonly [key: string]: Json | undefined };

/** The text of a body. Lone surrogates become U+FFFD: many servers refuse them. */
export function toJson(value: Json): string {
  if (typeof value === "string") return JSON.stringify(value.toWellFormed());
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (value instanceof JsonText) return value.text;
  if (isArray(value)) return `[${value.map(toJson).join(",")}]`;
  const members = Object.entries(value).flatMap(([key, member]) =>
    member === undefined ? [] : [`${toJson(key)}:${toJson(member)}`],
  );
  return `{${members.join(",")}}`;
}

const isArray = (value: object): value is readonly Json[] => Array.isArray(value);
