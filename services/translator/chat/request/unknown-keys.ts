import type { z } from "zod";
import { unknownParameter } from "../../errors/param-faults.ts";
import type { JsonObject } from "../../http/json-body.ts";
import { findUnknownKey } from "../../http/unknown-keys.ts";
import { toParam } from "./to-fault.ts";

/** Throws for the first key that means nothing here, as OpenAI does; see `findUnknownKey`. `at` is where `body` is. */
export function refuseUnknownKeys(
  schema: z.ZodType,
  body: JsonObject,
  alsoKnown: readonly string[] = [],
  at: readonly PropertyKey[] = [],
): void {
  const found = findUnknownKey(schema, body, alsoKnown);
  if (found === undefined) return;
  const { path, suggestion } = found;
  const parent = [...at, ...path.slice(0, -1)];
  throw unknownParameter(
    toParam([...at, ...path]),
    suggestion === undefined ? undefined : toParam([...parent, suggestion]),
  );
}
