import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";

const file = new URL("../../golden/openai-schema/schemas.json", import.meta.url);
const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema({ $id: "openai", ...(rewriteNullable(JSON.parse(readFileSync(file, "utf8"))) as object) });

/** What OpenAI publishes of an answer with status 200, by where it is asked for: as a whole, and as a stream's event. */
const published: readonly { readonly target: RegExp; readonly whole: string; readonly event?: string }[] = [
  {
    target: /^\/v1\/chat\/completions$/,
    whole: "CreateChatCompletionResponse",
    event: "CreateChatCompletionStreamResponse",
  },
  { target: /^\/v1\/completions$/, whole: "CreateCompletionResponse", event: "CreateCompletionResponse" },
  { target: /^\/v1\/embeddings$/, whole: "CreateEmbeddingResponse" },
  { target: /^\/v1\/models$/, whole: "ListModelsResponse" },
  { target: /^\/v1\/models\/./, whole: "Model" },
  { target: /^\/v1\/responses(\/resp_\w+)?$/, whole: "Response", event: "ResponseStreamEvent" },
  { target: /^\/v1\/responses\/\w+\/input_items/, whole: "ResponseItemList" },
];

/** The JSON documents of an answer, each with the name of the schema that OpenAI publishes for it. */
function documentsOf(target: string, status: number, body: string): { schema: string; value: unknown }[] {
  const schemas = published.find((each) => each.target.test(target));
  const events = [...body.matchAll(/^data: (\{.*)$/gm)].map(([, data]) => JSON.parse(data!) as object);
  if (events.length > 0)
    return events.map((value) => ({
      schema: "error" in value ? "ErrorResponse" : (schemas?.event ?? ""),
      value,
    }));
  return [{ schema: status === 200 ? (schemas?.whole ?? "") : "ErrorResponse", value: JSON.parse(body) }];
}

/**
 * What OpenAI's published schemas object to in an answer; nothing when it is as they say, or when it is none of
 * OpenAI's.
 */
export function findSchemaFaults(target: string, status: number, body: string): string[] {
  if (body === "" || /^\/v1\/messages/.test(target)) return [];
  return documentsOf(target, status, body)
    .filter(({ schema }) => schema !== "")
    .flatMap(({ schema, value }) => {
      const validate = ajv.getSchema(`openai#/components/schemas/${schema}`)!;
      return validate(withoutGaps(value))
        ? []
        : [`${schema}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(value)}`];
    });
}

/**
 * What the schemas leave out although OpenAI's own examples and answers have it: vectors in base64, chunks of legacy
 * completions before the last, and what a response or a chunk tells of user and usage while there is nothing to tell.
 */
const withoutGaps = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (key, inner) => {
    if (key === "embedding" && typeof inner === "string") return [0];
    if ((key === "user" || key === "usage") && inner === null) return undefined;
    const isOpenChoice =
      typeof inner === "object" && inner !== null && "text" in inner && inner.finish_reason === null;
    return isOpenChoice ? { ...inner, finish_reason: "stop" } : inner;
  });

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
