import { isJsonObject } from "../../../../core/json.ts";
/**
 * Reads JSON that a caller wrote. Throws a `SyntaxError` for what is none, and for what is nested so deeply that
 * walking through it could exhaust the stack.
 */
export function parseCallerJson(text: string): unknown {
  if (depthOf(text) > depthLimit) throw new SyntaxError("The JSON is nested too deeply.");
  return JSON.parse(text);
}

/** The object that a text is the JSON of; undefined when it is anything else. */
export function parseCallerObject(text: string): Record<string, unknown> | undefined {
  try {
    const value = parseCallerJson(text);
    return isJsonObject(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** How many brackets are open at most; counted before reading, and without recursion. */
function depthOf(text: string): number {
  let [depth, deepest] = [0, 0];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[{\]}]/gs)) {
    if (token === "{" || token === "[") deepest = Math.max(deepest, ++depth);
    else if (token === "}" || token === "]") depth--;
  }
  return deepest;
}

const depthLimit = 200;
