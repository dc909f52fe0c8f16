import { create } from "@bufbuild/protobuf";
import {
  type OutputFormat,
  OutputFormatSchema,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { checkSchema } from "../../chat/request/json-schema.ts";
import { checkName } from "../../chat/request/names.ts";
import { wrongMeaning } from "../../errors/param-faults.ts";
import type { ResponseRequestBody } from "./schema.ts";

/** The form of the answer's text, from `text.format`; undefined for free text. */
export function parseTextFormat(text: ResponseRequestBody["text"]): OutputFormat | undefined {
  const format = text?.format;
  switch (format?.type) {
    case "json_object":
      return create(OutputFormatSchema, { format: { case: "jsonObject", value: {} } });
    case "json_schema": {
      const { name, schema, strict } = format;
      checkName(name, "text.format.name");
      const { json, problem } = checkSchema(schema);
      if (problem !== undefined)
        throw wrongMeaning("text.format.schema", `Invalid schema for response_format '${name}': ${problem}`);
      return create(OutputFormatSchema, {
        format: { case: "jsonSchema", value: { name, schemaJson: json, strict: strict ?? false } },
      });
    }
    default:
      return undefined;
  }
}
