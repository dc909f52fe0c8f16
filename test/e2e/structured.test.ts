import { Ajv2020 } from "ajv/dist/2020.js";
import { beforeAll, describe, expect, test } from "vitest";
import { type SharedMesh, sharedMesh } from "../support/shared-mesh.ts";
import { structuredSchemas } from "./structured-schemas.ts";

const names = Object.keys(structuredSchemas);
/** With all schemas together, more than 200 answers: about four seconds on one core. */
const answersPerSchema = 8;

const ajv = new Ajv2020({ strict: false, validateFormats: false });

describe("strict structured output of the starter model", () => {
  let mesh: SharedMesh;
  beforeAll(async () => {
    mesh = await sharedMesh("in one process");
  });

  const ask = async (name: string, more: object) => {
    const response = await fetch(`${mesh.url}/v1/chat/completions`, {
      method: "POST",
      headers: mesh.headers,
      body: JSON.stringify({
        model: mesh.model,
        response_format: {
          type: "json_schema",
          json_schema: { name: "answer", strict: true, schema: structuredSchemas[name] },
        },
        ...more,
      }),
    });
    const text = await response.text();
    expect(response.status, text).toBe(200);
    return JSON.parse(text).choices[0] as { message: { content: string }; finish_reason: string };
  };

  test("is asked for in at least 20 forms and 200 times", () => {
    expect(names.length).toBeGreaterThanOrEqual(20);
    expect(names.length * answersPerSchema).toBeGreaterThanOrEqual(200);
  });

  test.each(names)("always validates: %s", async (name) => {
    const validate = ajv.compile(structuredSchemas[name]!);
    const answers = await Promise.all(
      Array.from({ length: answersPerSchema }, (_, seed) =>
        // Half of them as hot as can be, where a free model would write anything.
        ask(name, {
          seed,
          temperature: seed % 2 === 0 ? 0.7 : 2,
          messages: [{ role: "user", content: seed % 3 === 0 ? `Give me ${name}.` : "Tell me something." }],
        }),
      ),
    );
    for (const { message, finish_reason } of answers) {
      expect(finish_reason, message.content).toBe("stop");
      const value = JSON.parse(message.content);
      expect(validate(value), `${message.content}: ${ajv.errorsText(validate.errors)}`).toBe(true);
    }
  });
});
