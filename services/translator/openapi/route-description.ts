/** A JSON schema of draft 2020-12, which is what OpenAPI 3.1 is written in. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** One route as OpenAPI describes it. */
export interface RouteDescription {
  readonly method: "get" | "post" | "delete";
  /** Without the mount; parameters in braces: `/models/{model}`. */
  readonly path: string;
  /** `api`: below `/v1` and `/api/v1`, and behind a key; `root`: at the root; `both`: in all of these places. */
  readonly mount: "api" | "root" | "both";
  /** OpenAPI's operation object; `description.ts` adds what all routes have in common. */
  readonly operation: {
    /** Unique; clients are generated with functions of this name. */
    readonly operationId: string;
    readonly summary: string;
    readonly description?: string;
    readonly parameters?: readonly object[];
    readonly requestBody?: object;
    /** By status. Those that a key or the body's form can cause, and those of the mesh, come by `faults`. */
    readonly responses: Readonly<Record<string, object>>;
  };
  /** What can go wrong with it, beyond what can with any route. */
  readonly faults: readonly ("key" | "body" | "parameters" | "model" | "generation" | "mesh")[];
  /** How a fault is said, and statuses that are not as in `core/errors/kinds.ts`; OpenAI's way unless told otherwise. */
  readonly faultForm?: { readonly schema: string; readonly statuses: Readonly<Record<number, number>> };
  /** Schemas that it refers to as `#/components/schemas/NAME`. */
  readonly schemas?: Readonly<Record<string, JsonSchema>>;
}

/** Refers to a schema of the document. */
export const ref = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });

/** A body of one type. */
export const json = (schema: JsonSchema): object => ({ "application/json": { schema } });

/** An object with exactly these required properties, and perhaps more; `optional` ones may be absent. */
export const objectOf = (
  properties: Readonly<Record<string, JsonSchema>>,
  optional: Readonly<Record<string, JsonSchema>> = {},
): JsonSchema => ({
  type: "object",
  required: Object.keys(properties),
  properties: { ...properties, ...optional },
});

export const listOf = (items: JsonSchema): JsonSchema => ({ type: "array", items });

export const orNull = (schema: JsonSchema): JsonSchema => ({ anyOf: [schema, { type: "null" }] });

export const text: JsonSchema = { type: "string" };

/** A count. */
export const count: JsonSchema = { type: "integer", minimum: 0 };
