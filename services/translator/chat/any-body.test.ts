import fc from "fast-check";
import { expect, test } from "vitest";
import { mutatedBodies } from "../../../test/support/translator/arbitrary-requests.ts";
import { bearer, createTestApp, parseSse } from "../../../test/support/translator/translator.ts";

const app = createTestApp();

/** Sends bytes as a body; the answer must be one of those that a client's fault may have. */
async function ask(payload: string | Buffer): Promise<number> {
  const { statusCode, headers, body } = await app.inject({
    method: "POST",
    url: "/v1/chat/completions",
    headers: { ...bearer, "content-type": "application/json" },
    payload,
  });
  expect(headers["x-request-id"]).toMatch(/\S/);
  if (statusCode !== 200) {
    expect([400, 404]).toContain(statusCode);
    const { error, ...rest } = JSON.parse(body);
    expect(rest).toEqual({});
    expect(Object.keys(error)).toEqual(["message", "type", "param", "code"]);
    expect(error).toMatchObject({ message: expect.stringMatching(/\S/), type: "invalid_request_error" });
    for (const text of [error.param, error.code])
      expect(text === null || typeof text === "string").toBe(true);
  } else if (headers["content-type"] === "text/event-stream") expect(parseSse(body).at(-1)).toBe("[DONE]");
  else expect(JSON.parse(body)).toMatchObject({ object: "chat.completion" });
  return statusCode;
}

test("any JSON is answered with 200, or with 400 and the envelope", async () => {
  await fc.assert(
    fc.asyncProperty(fc.json({ noUnicodeString: false }), async (json) => {
      await ask(json);
    }),
    { numRuns: 300 },
  );
});

test("so is a valid body with a few changes, and some of them are still valid", async () => {
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(mutatedBodies("m"), async (body) => {
      const status = await ask(JSON.stringify(body));
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }),
    { numRuns: 1500 },
  );
  // Otherwise the changes would test nothing but the first check.
  for (const status of [200, 400]) expect(statuses.get(status)).toBeGreaterThan(100);
});

test("so are bytes that are no JSON, or not even text", async () => {
  const bytes = fc
    .tuple(mutatedBodies("m"), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }))
    .map(([body, changes]) => {
      const buffer = Buffer.from(JSON.stringify(body));
      for (const [at, byte] of changes) buffer[at % buffer.length] = byte;
      return buffer;
    });
  await fc.assert(
    fc.asyncProperty(bytes, async (buffer) => {
      await ask(buffer);
    }),
    { numRuns: 500 },
  );
});
