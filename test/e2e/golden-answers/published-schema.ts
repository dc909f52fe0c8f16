import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";

const file = new URL("../../golden/openai-schema/schemas.json", import.meta.url);
const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema({ $id: "openai", ...(rewriteNullable(JSON.parse(readFileSync(file, "utf8"))) as object) });

/** The JSON documents of an answer, each with the name of the schema that OpenAI publishes for it. */
function documentsOf(target: string, status: number, body: string): { schema: string; value: unknown }[] {
  if (body.startsWith("data: "))
    return body
      .split("\n\n")
      .filter((event) => event !== "" && event !== "data: [DONE]")
      .map((event) => JSON.parse(event.slice("data: ".length)))
      .map((value) => ({
        schema: "error" in value ? "ErrorResponse" : "CreateChatCompletionStreamResponse",
        value,
      }));
  const value = JSON.parse(body);
  if (status !== 200) return [{ schema: "ErrorResponse", value }];
  if (target === "/v1/models") return [{ schema: "ListModelsResponse", value }];
  return [{ schema: target.startsWith("/v1/models/") ? "Model" : "CreateChatCompletionResponse", value }];
}

/** What OpenAI's published schemas object to in an answer; nothing when it is as they say. */
export function findSchemaFaults(target: string, status: number, body: string): string[] {
  return documentsOf(target, status, body).flatMap(({ schema, value }) => {
    const validate = ajv.getSchema(`openai#/components/schemas/${schema}`)!;
    return validate(value)
      ? []
      : [`${schema}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(value)}`];
  });
}

/** `nullable`, which JSON schema does not know, said in its words. */
function rewriteNullable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rewriteNullable);
  if (typeof value !== "object" || value === null) return value;
  const { nullable, ...rest } = value as Record<string, unknown>;
  const schema = Object.fromEntries(
    Object.entries(rest).map(([key, inner]) => [key, rewriteNullable(inner)]),
  );
  return nullable === true ? { anyOf: [schema, { type: "null" }] } : schema;
}
