import { Ajv2020 } from "ajv/dist/2020.js";
import { beforeAll, describe, expect, test } from "vitest";
import { type SharedMesh, sharedMesh } from "../support/shared-mesh.ts";
import { structuredSchemas } from "./structured-schemas.ts";

const ajv = new Ajv2020({ strict: false, validateFormats: false });

/** Every schema that describes an object can describe a function's arguments. */
const functions = Object.entries(structuredSchemas)
  .filter(([, schema]) => (schema as { type?: string }).type === "object")
  .map(([title, parameters], index) => ({ title, name: `function_${index}`, parameters }));
/** With all functions, strict and not, more than 200 calls for each of the two ways to force one. */
const callsPerFunction = 5;

describe.each([
  { strict: true, because: "strict functions" },
  { strict: false, because: "functions that are not strict" },
])("calls of $because that must be made", ({ strict }) => {
  let mesh: SharedMesh;
  beforeAll(async () => {
    mesh = await sharedMesh("in one process");
  });

  const tools = functions.map(({ name, parameters }) => ({
    type: "function",
    function: { name, parameters, strict },
  }));

  /** Asks many times at once, and checks every call against the schema of the function that it calls. */
  const expectCalls = async (request: object, names: readonly string[]) => {
    const calls = await Promise.all(
      Array.from({ length: callsPerFunction }, async (_, seed) => {
        const response = await fetch(`${mesh.url}/v1/chat/completions`, {
          method: "POST",
          headers: mesh.headers,
          body: JSON.stringify({
            model: mesh.model,
            seed,
            temperature: seed % 2 === 0 ? 0.7 : 2,
            parallel_tool_calls: false,
            messages: [{ role: "user", content: "Use a tool." }],
            ...request,
          }),
        });
        const text = await response.text();
        expect(response.status, text).toBe(200);
        const [{ message, finish_reason }] = JSON.parse(text).choices;
        expect(finish_reason, JSON.stringify(message)).toBe("tool_calls");
        expect(message.tool_calls.length).toBe(1);
        return message.tool_calls[0].function as { name: string; arguments: string };
      }),
    );
    for (const call of calls) {
      expect(names).toContain(call.name);
      const { parameters } = functions.find(({ name }) => name === call.name)!;
      const validate = ajv.compile(parameters);
      const valid = validate(JSON.parse(call.arguments));
      expect(valid, `${call.arguments}: ${ajv.errorsText(validate.errors)}`).toBe(true);
    }
  };

  test("are more than 200 of each kind", () => {
    expect(2 * functions.length * callsPerFunction).toBeGreaterThanOrEqual(200);
  });

  /** Three to choose from: the small context has room for their schemas and a call. */
  const offer = (wanted: string) =>
    tools.filter((tool, index) => tool.function.name === wanted || index === 0 || index === 1);

  test.each(functions)("have arguments that parse and match when named: $title", async ({ name }) => {
    await expectCalls({ tools: offer(name), tool_choice: { type: "function", function: { name } } }, [name]);
  });

  test.each(functions)("do so when some call is required: $title", async ({ name }) => {
    const offered = offer(name);
    await expectCalls(
      { tools: offered, tool_choice: "required" },
      offered.map((tool) => tool.function.name),
    );
  });
});
