import { isJsonObject } from "../../../../core/json.ts";

/** Parses a caller's JSON. Throws a `SyntaxError` when it is malformed, or too deep for the stack. */
export function parseCallerJson(text: string): unknown {
  if (depthOf(text) > depthLimit) throw new SyntaxError("The JSON is nested too deeply.");
  return JSON.parse(text);
}

/** The JSON object in a text; undefined when it holds anything else. */
export function parseCallerObject(text: string): Record<string, unknown> | undefined {
  try {
    const value = parseCallerJson(text);
    return isJsonObject(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** Maximum nesting; counted before parsing, without recursion, and each character once, whatever it is. */
function depthOf(text: string): number {
  let [depth, deepest] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') at = endOfString(text, at + 1);
    else if (character === "{" || character === "[") deepest = Math.max(deepest, ++depth);
    else if (character === "}" || character === "]") depth--;
  }
  return deepest;
}

/** Where a string is closed; the end of the text when it is not. */
function endOfString(text: string, from: number): number {
  for (let at = from; at < text.length; at++)
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at;
  return text.length;
}

const depthLimit = 200;
