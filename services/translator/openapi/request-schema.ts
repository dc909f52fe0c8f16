import { z } from "zod";
import type { JsonSchema } from "./route-description.ts";

/** What is to be said of each parameter of a request. */
export type ParameterNotes<Schema extends z.ZodObject> = Readonly<Record<keyof Schema["shape"], string>>;

/**
 * A request's schema as JSON schema, from the very schema that checks requests, so that types and bounds are those
 * that hold. `defaults` are what an absent parameter counts as; `more` are parameters that something else checks.
 */
export function toRequestSchema<Schema extends z.ZodObject>(
  schema: Schema,
  notes: ParameterNotes<Schema>,
  { defaults = {}, more = {} }: { defaults?: Values; more?: Readonly<Record<string, JsonSchema>> } = {},
): JsonSchema {
  const { $schema: _, ...described } = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      // The vocabulary says what it expects in the error; a check by function leaves no other trace.
      const { type, error } = zodSchema._zod.def as { type: string; error?: (issue: object) => unknown };
      if (type === "custom") jsonSchema.type = "object";
      if (type === "number" && error?.({}) === "an integer") jsonSchema.type = "integer";
    },
  });
  const properties = Object.entries(described.properties ?? {}).map(([name, property]) => [
    name,
    {
      ...(property as object),
      description: notes[name as keyof Schema["shape"]],
      ...(name in defaults ? { default: defaults[name] } : {}),
    },
  ]);
  return {
    ...described,
    properties: { ...Object.fromEntries(properties), ...more },
    required: [...(described.required ?? []), ...Object.keys(more)],
  };
}

type Values = Readonly<Record<string, unknown>>;
