import { isJsonObject } from "../../../../core/json.ts";

// Reads JSON from upstreams as what it should be, and anything else as empty.

/** A JSON object of unknown members. */
export type Members = Readonly<Record<string, unknown>>;

export const members = (value: unknown): Members => (isJsonObject(value) ? value : {});
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
export const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** The value as a count of tokens; undefined for anything else. */
export const count = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 && value < 2 ** 32
    ? Math.floor(value)
    : undefined;
