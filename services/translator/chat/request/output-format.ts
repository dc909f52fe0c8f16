import { create } from "@bufbuild/protobuf";
import {
  type OutputFormat,
  OutputFormatSchema,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { wrongMeaning } from "../../errors/param-faults.ts";
import { checkSchema } from "./json-schema.ts";
import { checkName } from "./names.ts";
import type { ChatRequestBody } from "./schema.ts";

/**
 * The form of the answer's text, from `response_format` or, without one, from Ollama's `format`. Undefined for
 * free text.
 */
export function parseOutputFormat({
  response_format: response,
  format,
}: ChatRequestBody): OutputFormat | undefined {
  if (!response) {
    if (!format) return undefined;
    return format === "json" ? anyObject() : fromSchema("format", format, true, "format");
  }
  switch (response.type) {
    case "text":
      return undefined;
    case "json_object":
      return response.schema ? fromSchema("schema", response.schema, true, "response_format") : anyObject();
    case "json_schema": {
      const { name, schema, strict } = response.json_schema;
      checkName(name, "response_format.json_schema.name");
      return fromSchema(name, schema, strict ?? false, "response_format");
    }
  }
}

const anyObject = (): OutputFormat =>
  create(OutputFormatSchema, { format: { case: "jsonObject", value: {} } });

function fromSchema(
  name: string,
  schema: Readonly<Record<string, unknown>>,
  strict: boolean,
  param: string,
): OutputFormat {
  const { json, problem } = checkSchema(schema);
  if (problem !== undefined) throw wrongMeaning(param, `Invalid schema for ${param} '${name}': ${problem}`);
  return create(OutputFormatSchema, {
    format: { case: "jsonSchema", value: { name, schemaJson: json, strict } },
  });
}
