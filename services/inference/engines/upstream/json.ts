import { isJsonObject } from "../../../../core/json.ts";
/** A JSON object of unknown members. */
export type Members = Readonly<Record<string, unknown>>;

/** The value as an object; an empty one for anything else. */
export const members = (value: unknown): Members => (isJsonObject(value) ? (value as Members) : {});

/** The value as a list; an empty one for anything else. */
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** The value as text; empty for anything else. */
export const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** The value as a count of tokens; undefined for anything else. */
export const count = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 && value < 2 ** 32
    ? Math.floor(value)
    : undefined;
