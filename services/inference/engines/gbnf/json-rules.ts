/** The names of JSON's own rules. */
export type JsonRule = keyof typeof rules;

/** A rule and those that it names. */
export interface JsonRuleBody {
  readonly body: string;
  readonly needs: readonly JsonRule[];
}

/**
 * JSON in GBNF, a little narrower than the standard, so that what a model writes at any temperature can be read
 * by any parser: white space is bounded, numbers stay finite, escapes never make half a surrogate pair.
 */
const rules = {
  /** At most one space or one line break with indentation. */
  ws: { body: `(" " | "\\n" [ \\t]{0,20})?`, needs: [] },
  string: { body: `"\\"" char* "\\""`, needs: ["char"] },
  char: { body: `[^"\\\\\\x7F\\x00-\\x1F\\uD800-\\uDFFF] | "\\\\" escape`, needs: ["escape"] },
  escape: {
    body: `["\\\\/bfnrt] | "u" ([0-9a-cA-Ce-fE-F] hex hex hex | [dD] [0-7] hex hex)`,
    needs: ["hex"],
  },
  hex: { body: "[0-9a-fA-F]", needs: [] },
  integer: { body: `"-"? ("0" | [1-9] [0-9]{0,15})`, needs: [] },
  number: { body: `integer ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})?`, needs: ["integer"] },
  boolean: { body: `"true" | "false"`, needs: [] },
  null: { body: `"null"`, needs: [] },
  value: {
    body: "object | array | string | number | boolean | null",
    needs: ["object", "array", "string", "number", "boolean", "null"],
  },
  object: {
    body: `"{" ws (member ("," ws member)*)? ws "}"`,
    needs: ["ws", "member"],
  },
  member: { body: `string ws ":" ws value`, needs: ["string", "ws", "value"] },
  array: { body: `"[" ws (value ("," ws value)*)? ws "]"`, needs: ["ws", "value"] },
} as const;

/** JSON's own rules, by name. */
export const jsonRules: Readonly<Record<JsonRule, JsonRuleBody>> = rules;
