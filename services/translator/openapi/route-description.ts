import type { z } from "zod";

export type JsonSchema = Readonly<Record<string, unknown>>;

/** A route as an OpenAPI operation; `document.ts` adds what all routes share. */
export interface RouteDescription {
  /** Default: below `/v1` and `/api/v1`, behind a key. `root`: at the root; `both`: in all of these places. */
  readonly mount?: "root" | "both";
  /** Unique; the function name in generated clients. */
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly object[];
  readonly requestBody?: object;
  /** By status; without those that `faults` imply. */
  readonly responses: Readonly<Record<string, object>>;
  /** Causes of errors, beyond those of every route. */
  readonly faults: readonly ("key" | "body" | "parameters" | "model" | "generation" | "mesh")[];
  /** The schema of errors and statuses that differ from `core/errors/kinds.ts`; default: OpenAI's. */
  readonly faultForm?: { readonly schema: string; readonly statuses: Readonly<Record<number, number>> };
  /** Named schemas; a schema inside another becomes a reference. */
  readonly schemas?: Readonly<Record<string, z.ZodType>>;
}

export const uriOf = (name: string): string => `#/components/schemas/${name}`;

export const ref = (name: string): JsonSchema => ({ $ref: uriOf(name) });

export const json = (name: string): object => ({ "application/json": { schema: ref(name) } });

export const bodyOf = (name: string): object => ({ required: true, content: json(name) });

/** A successful answer: one object or, if there are events, also a stream. */
export const answerOf = (description: string, name: string, ...events: readonly string[]): object => ({
  description,
  content: {
    ...json(name),
    ...(events.length === 0 ? {} : { "text/event-stream": { schema: eventOf(events.map(ref)) } }),
  },
});

const eventOf = ([one, ...others]: JsonSchema[]): JsonSchema =>
  others.length === 0 ? one! : { anyOf: [one, ...others] };
