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

/** Maximum nesting; counted before parsing and without recursion. */
function depthOf(text: string): number {
  let [depth, deepest] = [0, 0];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[{\]}]/gs)) {
    if (token === "{" || token === "[") deepest = Math.max(deepest, ++depth);
    else if (token === "}" || token === "]") depth--;
  }
  return deepest;
}

const depthLimit = 200;
