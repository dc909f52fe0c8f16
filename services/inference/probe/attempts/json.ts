import { isJsonObject, parseJson } from "../../../../core/json.ts";
import { FinishReason } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type Attempt, refuted, says, shownIf } from "../trial.ts";

/**
 * A question for a bare word is answered with an object all the same. It mentions JSON, because some servers refuse
 * the mode otherwise.
 */
export const jsonObject: Attempt = async (trial) => {
  const { text, reason } = await trial.ask(
    {
      messages: says("Name a fruit. Answer with one plain word, not with JSON."),
      outputFormat: { format: { case: "jsonObject", value: {} } },
    },
    64,
  );
  const isCut = reason === FinishReason.LENGTH && text.trimStart().startsWith("{");
  return shownIf(isCut || isJsonObject(parseJson(text)), "an answer in JSON mode was not a JSON object");
};

const [code, grade] = ["vx-4071", 7];

/** Odd constants, never an answer by chance. */
const schema = {
  type: "object",
  properties: {
    code: { type: "string", enum: [code] },
    detail: {
      type: "object",
      properties: { grade: { type: "integer", enum: [grade] } },
      required: ["grade"],
      additionalProperties: false,
    },
  },
  required: ["code", "detail"],
  additionalProperties: false,
};

/** An answer matches the schema although the question asks for a bare word. */
export const jsonSchema: Attempt = async (trial) => {
  const { text, reason } = await trial.ask(
    {
      messages: says("Name a fruit. Answer with one plain word, not with JSON."),
      outputFormat: {
        format: {
          case: "jsonSchema",
          value: { name: "probe", schemaJson: JSON.stringify(schema), strict: true },
        },
      },
    },
    96,
  );
  if (reason === FinishReason.LENGTH) return refuted("an answer that a schema keeps short did not end");
  return shownIf(matches(parseJson(text)), "an answer did not match the schema that it was held to");
};

const matches = (value: unknown): boolean =>
  isJsonObject(value) &&
  Object.keys(value).length === 2 &&
  value.code === code &&
  isJsonObject(value.detail) &&
  Object.keys(value.detail).length === 1 &&
  value.detail.grade === grade;
