import { emptyString, stringTooLong, wrongPattern } from "../../errors/param-faults.ts";

/** In characters. */
export const longestName = 64;

/** Throws unless a name has the form that OpenAI takes, for functions and for formats. */
export function checkName(name: string, param: string): void {
  if (name === "") throw emptyString(param);
  if (name.length > longestName) throw stringTooLong(param, longestName, name.length);
  if (!/^[a-zA-Z0-9_-]+$/.test(name)) throw wrongPattern(param, "^[a-zA-Z0-9_-]+$");
}
