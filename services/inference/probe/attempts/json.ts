import { isDeepStrictEqual } from "node:util";
import { isJsonObject, parseJson } from "../../../../core/json.ts";
import { FinishReason } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type Attempt, refuted, says, shownIf } from "../trial.ts";

/** Asks for a bare word. Mentions JSON, because some servers refuse the mode otherwise. */
const messages = says("Name a fruit. Answer with one plain word, not with JSON.");

/** The answer is an object all the same. */
export const jsonObject: Attempt = async (trial) => {
  const outputFormat = { format: { case: "jsonObject" as const, value: {} } };
  const { text, reason } = await trial.ask({ messages, outputFormat }, 64);
  const isCut = reason === FinishReason.LENGTH && text.trimStart().startsWith("{");
  return shownIf(isCut || isJsonObject(parseJson(text)), "an answer in JSON mode was not a JSON object");
};

/** The only answer that the schema allows: odd constants, never an answer by chance. */
const expected = { code: "vx-4071", detail: { grade: 7 } };

const schemaJson = JSON.stringify({
  type: "object",
  properties: {
    code: { type: "string", enum: [expected.code] },
    detail: {
      type: "object",
      properties: { grade: { type: "integer", enum: [expected.detail.grade] } },
      required: ["grade"],
      additionalProperties: false,
    },
  },
  required: ["code", "detail"],
  additionalProperties: false,
});

/** The answer matches the schema all the same. */
export const jsonSchema: Attempt = async (trial) => {
  const value = { name: "probe", schemaJson, strict: true };
  const outputFormat = { format: { case: "jsonSchema" as const, value } };
  const { text, reason } = await trial.ask({ messages, outputFormat }, 96);
  if (reason === FinishReason.LENGTH) return refuted("an answer that a schema keeps short did not end");
  const matches = isDeepStrictEqual(parseJson(text), expected);
  return shownIf(matches, "an answer did not match the schema that it was held to");
};
