import { Ajv2020 } from "ajv/dist/2020.js";
import type { OpenApiDocument } from "../../../services/translator/openapi/document.ts";

/** The description of an answer in a document. */
export interface Described {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly type?: "application/json" | "text/event-stream";
}

/** Lists the differences between an answer and its description; empty when there are none. */
export type Validate = (where: Described, answer: unknown) => string[];

/** Validates answers against a document, more strictly than clients should: undescribed properties are faults. */
export function createValidate(document: OpenApiDocument): Validate {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  ajv.addSchema(close(document) as object, "document");
  return ({ method, path, status, type = "application/json" }, answer) => {
    const route = ["paths", path, method, "responses", String(status), "content", type, "schema"];
    const validate = ajv.getSchema(`document#/${route.map(escapePointer).join("/")}`);
    if (validate === undefined) return [`${method} ${path} ${status} ${type} is not described`];
    validate(answer);
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };
}

/** Forbids undescribed properties. */
function close(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(close);
  const closed = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, close(inner)]));
  return "properties" in value && "type" in value && !("additionalProperties" in value)
    ? { ...closed, additionalProperties: false }
    : closed;
}

const escapePointer = (segment: string): string =>
  encodeURIComponent(segment.replaceAll("~", "~0").replaceAll("/", "~1"));
