import fc from "fast-check";
import { expect, test } from "vitest";
import { systemClock } from "../../../../core/clock.ts";
import { silentLog } from "../../../../core/telemetry/log.ts";
import { generationOf } from "../../../../test/support/inference/fake-engine.ts";
import { transcribe } from "../../transcript.ts";
import { createOllamaEngine } from "./index.ts";

const never = new AbortController().signal;
const ground: Readonly<Record<string, object>> = {
  "/api/version": { version: "0.33.0" },
  "/api/ps": { models: [] },
  "/api/tags": { models: [{ name: "m", digest: "d" }] },
  "/api/show": { capabilities: ["completion"], model_info: {} },
};
const answer = [
  { message: { role: "assistant", content: "Žluťoučký 🐴" }, done: false },
  { message: { role: "assistant", content: ' says "error" and\n"done":true' }, done: false },
  {
    message: { role: "assistant", content: "" },
    done: true,
    done_reason: "stop",
    prompt_eval_count: 3,
    eval_count: 9,
  },
];
const whole = Buffer.from(answer.map((line) => `${JSON.stringify(line)}\n`).join(""));

/** The answer of an engine whose Ollama sends these bytes. */
async function answerTo(body: Uint8Array<ArrayBuffer>) {
  const fake: typeof fetch = async (input) => {
    const known = ground[new URL(String(input)).pathname];
    const type = known === undefined ? "application/x-ndjson" : "application/json";
    return new Response(known === undefined ? body : JSON.stringify(known), {
      headers: { "content-type": type },
    });
  };
  const engine = createOllamaEngine({}, { clock: systemClock, log: silentLog, fetch: fake });
  await engine.models(never);
  return transcribe(engine.generate(generationOf({ model: "m" }), never));
}

test("an answer whose bytes all came is whole, quotes of its own format in it or not", async () => {
  expect((await answerTo(whole)).text).toBe(answer.map(({ message }) => message.content).join(""));
});

test("an answer that was cut anywhere is a failure, never a clean end", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: whole.length - 2 }), async (length) => {
      await expect(answerTo(whole.subarray(0, length))).rejects.toMatchObject({ kind: "engine_failed" });
    }),
  );
});

test("an answer with any line that is not of its kind is a failure", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 2 }), fc.json(), async (at, spoiled) => {
      const lines = answer.map((line, index) => (index === at ? spoiled : JSON.stringify(line)));
      const outcome = await answerTo(Buffer.from(lines.join("\n"))).catch((error: unknown) => error);
      expect(outcome).toMatchObject({ kind: "engine_failed" });
    }),
  );
});
