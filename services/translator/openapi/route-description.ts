import type { z } from "zod";

/** A JSON schema of draft 2020-12, which is what OpenAPI 3.1 is written in. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** One route as OpenAPI describes it: an operation object, to which `document.ts` adds what all routes have in common. */
export interface RouteDescription {
  readonly method: "get" | "post" | "delete";
  /** Without the mount; parameters in braces: `/models/{model}`. */
  readonly path: string;
  /** Default: below `/v1` and `/api/v1`, and behind a key. `root`: at the root; `both`: in all of these places. */
  readonly mount?: "root" | "both";
  /** Unique; clients are generated with functions of this name. */
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly object[];
  readonly requestBody?: object;
  /** By status. Those that a key or the body's form can cause, and those of the mesh, come by `faults`. */
  readonly responses: Readonly<Record<string, object>>;
  /** What can go wrong with it, beyond what can with any route. */
  readonly faults: readonly ("key" | "body" | "parameters" | "model" | "generation" | "mesh")[];
  /** How a fault is worded, and statuses that are not as in `core/errors/kinds.ts`; by default as OpenAI does. */
  readonly faultForm?: { readonly schema: string; readonly statuses: Readonly<Record<number, number>> };
  /** Schemas that it refers to by name. What one of them holds of another becomes a reference in the document. */
  readonly schemas?: Readonly<Record<string, z.ZodType>>;
}

/** Where a schema is in the document. */
export const uriOf = (name: string): string => `#/components/schemas/${name}`;

/** Refers to a schema of the document. */
export const ref = (name: string): JsonSchema => ({ $ref: uriOf(name) });

/** A JSON body of a schema of the document. */
export const json = (name: string): object => ({ "application/json": { schema: ref(name) } });

/** A request that must have such a body. */
export const bodyOf = (name: string): object => ({ required: true, content: json(name) });

/** A successful answer: one object, and, where that is asked for, a stream of others. */
export const answerOf = (description: string, name: string, ...events: readonly string[]): object => ({
  description,
  content: {
    ...json(name),
    ...(events.length === 0 ? {} : { "text/event-stream": { schema: eventOf(events.map(ref)) } }),
  },
});

const eventOf = ([one, ...others]: JsonSchema[]): JsonSchema =>
  others.length === 0 ? one! : { anyOf: [one, ...others] };
