import { isJsonObject } from "../../../core/json.ts";
import { badJson } from "../errors/http-faults.ts";
import { nestsDeeperThan } from "./json-depth.ts";

/** A request's body: one JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** How deep arrays and objects may nest in a body. */
export const depthLimit = 64;

/**
 * Parses a body. Throws unless it is UTF-8 and one JSON object within the depth limit. The last of equal keys counts,
 * as in `JSON.parse`; every later check sees this same value.
 */
export function parseJsonBody(bytes: Uint8Array): JsonObject {
  if (nestsDeeperThan(bytes, depthLimit))
    throw badJson(`Arrays and objects may nest at most ${depthLimit} levels deep.`);
  const value = parse(decode(bytes));
  if (!isJsonObject(value))
    throw badJson('The body must be one JSON object, such as {"model": …, "messages": […]}.');
  return value;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw badJson("The body is not valid UTF-8.");
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // Only the position: the rest of the parser's message quotes the prompt.
    const position = /\(line \d+ column \d+\)/.exec((error as Error).message)?.[0] ?? "";
    throw badJson(
      `This likely means you aren't using your HTTP library correctly. The API expects a JSON payload, but what was sent was not valid JSON ${position}`.trimEnd() +
        ".",
    );
  }
}
