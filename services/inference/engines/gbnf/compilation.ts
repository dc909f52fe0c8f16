import type { GrammarBuilder } from "./grammar-builder.ts";

/** A schema that is no boolean. */
export type SchemaObject = Readonly<Record<string, unknown>>;

/** What the parts of the compiler share. */
export interface Compilation {
  readonly grammar: GrammarBuilder;
  /** An expression for the JSON text of the values that a schema allows, as one item. */
  compile(schema: unknown, path: string): string;
  /**
   * Reports keywords that a grammar cannot enforce, where the schema has them: an error in strict mode, ignored
   * otherwise.
   */
  unenforced(schema: SchemaObject, path: string, keywords: readonly string[]): void;
}
