/** JSON text that goes into a body as it stands, so that the order of its keys survives. It must be valid. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What a body is made of; undefined members are left out. */
export type Json =
  | string
  | number
  | boolean
  | null
  | JsonText
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

/** An object of a body. */
export type JsonObject = { readonly [key: string]: Json | undefined };

/** The text of a body. Half surrogate pairs become U+FFFD: many servers refuse a body that holds them. */
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
