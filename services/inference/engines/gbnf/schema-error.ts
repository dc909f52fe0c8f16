/** A JSON schema that no grammar can be made from. */
export class SchemaError extends Error {
  override readonly name = "SchemaError";
  /** Where in the schema, as a JSON pointer; empty for the schema itself. */
  readonly path: string;

  /** `reason` completes the sentence "the schema at … ". */
  constructor(path: string, reason: string) {
    super(`${path === "" ? "the schema" : `the schema at ${path}`} ${reason}`);
    this.path = path;
  }
}
