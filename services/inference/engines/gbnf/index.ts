import { GrammarBuilder } from "./grammar-builder.ts";
import { type SchemaOptions, schemaExpression } from "./schema-compiler.ts";

export { anyOf, GrammarBuilder, jsonLiteral, literal } from "./grammar-builder.ts";
export { isObject, SchemaError } from "./schema.ts";
export { type SchemaOptions, schemaExpression } from "./schema-compiler.ts";

/** A grammar in GBNF for JSON that a schema allows. Throws `SchemaError` when none can be made. */
export function jsonSchemaGrammar(schema: unknown, options: SchemaOptions): string {
  const grammar = new GrammarBuilder();
  return grammar.build(schemaExpression(grammar, schema, options));
}
