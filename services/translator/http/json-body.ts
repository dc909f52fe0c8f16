import { isJsonObject } from "../../../core/json.ts";
import { badJson } from "../errors/http-faults.ts";
import { nestsDeeperThan } from "./json-depth.ts";

/** A request's body: one JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** How deep arrays and objects may nest in a body. */
export const depthLimit = 64;

/**
 * Reads a body. Throws when it is not UTF-8, nests too deep, is not JSON, or is not an object. Of equal keys the
 * last one counts, as `JSON.parse` has it; whatever is checked later is this very value.
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
    // Only the position of the parser's own message is passed on: the rest quotes the prompt.
    const position = /\(line \d+ column \d+\)/.exec((error as Error).message)?.[0] ?? "";
    throw badJson(
      `This likely means you aren't using your HTTP library correctly. The API expects a JSON payload, but what was sent was not valid JSON ${position}`.trimEnd() +
        ".",
    );
  }
}
