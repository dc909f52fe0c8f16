/** What a request is refused with; Go's encoding/json says it, and Ollama passes it on with status 400. */
export class DecodingError extends Error {}

/** How one value is read. */
export type Decoder = (value: unknown, at: string) => unknown;

/**
 * Reads JSON as Go's encoding/json reads it into Ollama's structs: null and absent fields are zero values, unknown
 * fields are passed over, anything of another type is refused in Go's words.
 */
export const struct =
  (name: string, fields: Readonly<Record<string, Decoder>>): Decoder =>
  (value, at) => {
    if (value === null || value === undefined) return {};
    if (typeof value !== "object" || Array.isArray(value)) throw mismatch(value, at, `api.${name}`);
    const known = Object.entries(value).filter(([key, item]) => key in fields && item !== null);
    return Object.fromEntries(
      known.map(([key, item]) => [key, fields[key]!(item, at === "" ? `${name}.${key}` : `${at}.${key}`)]),
    );
  };

export const string: Decoder = (value, at) => {
  if (typeof value === "string") return value.toWellFormed();
  throw mismatch(value, at, "string");
};

export const bool: Decoder = (value, at) => {
  if (typeof value === "boolean") return value;
  throw mismatch(value, at, "bool");
};

export const integer: Decoder = (value, at) => {
  if (Number.isInteger(value)) return value;
  throw mismatch(value, at, "int");
};

export const anything: Decoder = (value) => value;

export const list =
  (item: Decoder, type: string): Decoder =>
  (value, at) => {
    if (Array.isArray(value)) return value.map((one) => item(one, at));
    throw mismatch(value, at, `[]${type}`);
  };

/** `map[string]…`, of which every value is read in the same way. */
export const map =
  (item: Decoder): Decoder =>
  (value, at) => {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw mismatch(value, at, "map[string]interface {}");
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, item(one, at)]));
  };

/** `[]byte`. */
export const base64: Decoder = (value, at) => {
  const text = string(value, at) as string;
  const bad = /[^A-Za-z0-9+/=]/.exec(text);
  if (bad !== null || text.length % 4 !== 0)
    throw new DecodingError(`illegal base64 data at input byte ${bad?.index ?? text.length}`);
  return Buffer.from(text, "base64");
};

function mismatch(value: unknown, at: string, type: string): DecodingError {
  const given = Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
  return new DecodingError(`json: cannot unmarshal ${given} into Go struct field ${at} of type ${type}`);
}
