import { bounds } from "../../../core/generation/bounds.ts";
import * as faults from "../errors/param-faults.ts";

/**
 * An array that must hold token ids, checked in milliseconds where a schema takes a tenth of a second for half a million.
 * Throws for the first element that is none; `param` is where the array is in the request.
 */
export function checkTokens(param: string, ids: readonly unknown[]): number[] {
  const wrong = ids.findIndex((id) => !isTokenId(id));
  if (wrong < 0) return ids as number[];
  const at = `${param}[${wrong}]`;
  const value = ids[wrong];
  if (typeof value !== "number") throw faults.wrongType(at, "an integer", value);
  throw faults.wrongValue(at, `Invalid '${at}': ${value} is not a token.`);
}

const isTokenId = (id: unknown): boolean =>
  Number.isInteger(id) && (id as number) >= 0 && (id as number) <= bounds.tokenId[1];
