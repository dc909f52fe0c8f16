import { allows } from "../gbnf/allows.ts";
import { isObject, jsonSchemaGrammar, SchemaError } from "../gbnf/index.ts";

/** A schema that answers are to match. */
export interface HeldSchema {
  /** Whether a finished text is what was asked for: JSON, and where it is meant strictly JSON that matches. */
  matches(text: string): boolean;
}

/**
 * Upstreams hold an answer to most of a schema and pass over the rest without a word, so a schema that is meant
 * strictly is checked twice: before, that nothing in it is beyond us, and at the end, that the answer matches. Throws
 * `SchemaError`.
 */
export function holdTo(schema: unknown, strict: boolean): HeldSchema {
  jsonSchemaGrammar(schema, { strict });
  return {
    matches(text) {
      try {
        const value: unknown = JSON.parse(text);
        return !strict || allows(schema, value, (reference) => resolve(schema, reference));
      } catch {
        return false;
      }
    },
  };
}

/** What a reference such as `#/$defs/city` names. */
function resolve(schema: unknown, reference: unknown): unknown {
  const [root, ...steps] = String(reference).split("/");
  if (root !== "#") throw new SchemaError("", `refers to \`${reference}\`, which is not in it`);
  return steps.reduce<unknown>((at, step) => {
    const name = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
    return Array.isArray(at) ? at[Number(name)] : isObject(at) ? at[name] : undefined;
  }, schema);
}
