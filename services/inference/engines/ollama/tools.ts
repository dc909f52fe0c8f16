import type { CallableTool } from "../tools/tool-use.ts";

/**
 * A tool in Ollama's form. Its types hold little of JSON schema and refuse some of the rest: properties must be
 * objects, so `true` becomes `{}`; parameters must be there.
 */
export const toOllamaTool = ({ name, description, parameters }: CallableTool): object => ({
  type: "function",
  function: {
    name,
    ...(description === "" ? {} : { description }),
    parameters: { type: "object", properties: {}, ...asObject(withObjectProperties(parameters)) },
  },
});

function withObjectProperties(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withObjectProperties);
  if (typeof schema !== "object" || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [
      key,
      key === "properties" && typeof value === "object" && value !== null
        ? Object.fromEntries(
            Object.entries(value).map(([name, property]) => [name, asObject(withObjectProperties(property))]),
          )
        : unheld.has(key)
          ? value
          : withObjectProperties(value),
    ]),
  );
}

/** Values, not schemas. */
const unheld = new Set(["const", "default", "enum", "examples", "required", "type"]);

const asObject = (schema: unknown): object =>
  typeof schema === "object" && schema !== null && !Array.isArray(schema) ? schema : {};
