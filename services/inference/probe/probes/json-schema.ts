import { FinishReason } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { refuted, shownIf } from "../finding.ts";
import type { Probe } from "../probe.ts";
import { says } from "../trial.ts";
import { isObject, readJson } from "./json.ts";

const [code, grade] = ["vx-4071", 7];

/** Nothing would be answered like this by chance. */
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

/** An answer matches a schema of odd constants although the question asks for a bare word. */
export const jsonSchema: Probe = {
  name: "json_schema",
  isClaimed: ({ capabilities }) => capabilities?.jsonSchema === true,
  async attempt(trial) {
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
    return shownIf(matches(readJson(text)), "an answer did not match the schema that it was held to");
  },
};

const matches = (value: unknown): boolean =>
  isObject(value) &&
  Object.keys(value).length === 2 &&
  value.code === code &&
  isObject(value.detail) &&
  Object.keys(value.detail).length === 1 &&
  value.detail.grade === grade;
