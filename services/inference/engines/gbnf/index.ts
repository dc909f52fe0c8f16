import { checkCost } from "./check-cost.ts";
import { GrammarBuilder } from "./grammar-builder.ts";
import { type SchemaOptions, schemaExpression } from "./schema-compiler.ts";

export { checkCost } from "./check-cost.ts";
export { anyOf, GrammarBuilder, jsonLiteral, literal } from "./grammar-builder.ts";
export { GrammarWalk } from "./grammar-walk.ts";
export { type ParsedGrammar, parseGbnf } from "./parse-gbnf.ts";
export { isObject, SchemaError } from "./schema.ts";
export { type SchemaOptions, schemaExpression } from "./schema-compiler.ts";

/** A grammar in GBNF for JSON that a schema allows. Throws `SchemaError` when none can be made. */
export function jsonSchemaGrammar(schema: unknown, options: SchemaOptions): string {
  const grammar = new GrammarBuilder();
  const gbnf = grammar.build(schemaExpression(grammar, schema, options));
  for (const _step of checkCost(gbnf));
  return gbnf;
}
