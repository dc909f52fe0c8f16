import fc from "fast-check";
import { expect, test } from "vitest";
import { checkGeneration } from "../../core/generation/check-generation.ts";
import type { Generation } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { mutatedBodies } from "../support/translator/arbitrary-requests.ts";
import { answering, answerOf, bearer, createTestApp } from "../support/translator/translator.ts";

const generations: Generation[] = [];
const answer = answering(answerOf("Hello"));
const app = createTestApp({
  generate: (generation, signal) => {
    generations.push(generation);
    return answer(generation, signal);
  },
});

test("what the endpoint accepts no router refuses, so no caller reads of fields that it did not send", async () => {
  await fc.assert(
    fc.asyncProperty(mutatedBodies("m"), async (body) => {
      await app.inject({
        method: "POST",
        url: "/v1/chat/completions",
        headers: { ...bearer, "content-type": "application/json" },
        payload: JSON.stringify(body),
      });
    }),
    { numRuns: 800 },
  );
  for (const generation of generations) expect(() => checkGeneration(generation)).not.toThrow();
  expect(generations.length).toBeGreaterThan(100);
});
