import { afterAll, describe, expect, test } from "vitest";
import { isExact } from "../../core/generation/resume.ts";
import type { Engine } from "../../services/inference/engine.ts";
import { createLlamaCppEngine } from "../../services/inference/engines/llama-cpp/index.ts";
import { answerOf, asks, never, seeded } from "../support/inference/llama-cpp/engines.ts";
import { startMesh } from "../support/mesh.ts";
import { findQuantizedModel } from "../support/smollm2.ts";

const found = findQuantizedModel();
const [path, missing] = "path" in found ? [found.path, undefined] : ["", found.missing];

const questions = ["a fox", "the sea", "a clock", "bread", "a train", "winter", "a letter", "music"];
const tokens = 32;

describe.skipIf(missing !== undefined)(
  `a real quantized model${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    const engines: Engine[] = [];
    const load = async (slots: number, threads: number) => {
      const engine = createLlamaCppEngine({ modelPath: path, slots, threads, contextSize: 256 });
      engines.push(engine);
      const [served] = await engine.models(never);
      return { engine, fingerprint: served!.fingerprint };
    };
    afterAll(() => Promise.all(engines.map((engine) => engine.close())));

    test("continues answers of an equal engine token for token, wherever they are cut and beside any others", async () => {
      const [first, second] = [await load(8, 1), await load(5, 1)];
      expect(second.fingerprint).toBe(first.fingerprint);
      expect(isExact(first.fingerprint)).toBe(true);
      const generations = questions.map((subject) => ({
        messages: asks(`Write about ${subject}.`),
        limits: { maxTokens: tokens },
      }));
      const whole = await Promise.all(generations.map((generation) => answerOf(first.engine, generation)));
      expect(whole.map(({ tokenIds }) => tokenIds.length)).toEqual(questions.map(() => tokens));
      const random = seeded(19);
      const half = whole.map((_, index) => [index, tokens / 2] as const);
      const anywhere = half
        .slice(0, 2)
        .map(([index]) => [index, 1 + Math.floor(random() * (tokens - 1))] as const);
      const cuts = [...half, ...anywhere];
      const hand = async ([index, cut]: readonly [number, number]) => {
        const head = whole[index]!.tokenIds.slice(0, cut);
        const resume = { tokenIds: [...head], text: "" };
        const rest = await answerOf(second.engine, { ...generations[index]!, resume });
        return [...head, ...rest.tokenIds];
      };
      // As many at a time as there are slots.
      for (let at = 0; at < cuts.length; at += 5) {
        const some = cuts.slice(at, at + 5);
        const handed = await Promise.all(some.map(hand));
        expect(handed).toEqual(some.map(([index]) => [...whole[index]!.tokenIds]));
      }
    });

    test("claims to be approximate where it is not exact: with more threads", async () => {
      const { fingerprint } = await load(1, 2);
      expect(isExact(fingerprint)).toBe(false);
    });

    test("goes on exactly in a mesh whose node is killed", async () => {
      const mesh = await startMesh("in many processes", { nodes: [], routers: 1 });
      try {
        const engine = [
          "--engine",
          "llama-cpp",
          "--model",
          path,
          "--model-name",
          "quantized",
          "--slots",
          "4",
        ];
        const node = [...engine, "--context-size", "256"];
        const victim = await mesh.join("victim", node);
        const ask = (subject: string) =>
          fetch(`${mesh.url}/v1/chat/completions`, {
            method: "POST",
            headers: mesh.headers,
            body: JSON.stringify({
              model: "quantized",
              messages: [{ role: "user", content: `Tell me about ${subject}.` }],
              max_tokens: 48,
              temperature: 0,
              stream: true,
            }),
          });
        const subjects = questions.slice(0, 2);
        const expected = await Promise.all(
          subjects.map(async (subject) => textOf(await (await ask(subject)).text())),
        );
        // The head of a response comes with its first token.
        const answers = await Promise.all(subjects.map(ask));
        await victim.stop("SIGKILL");
        await mesh.join("rescuer", node);
        expect(await Promise.all(answers.map(async (answer) => textOf(await answer.text())))).toEqual(
          expected,
        );
        const continued = mesh.programs
          .get("router-1")!
          .entries()
          .filter(({ msg }) => msg === "answer continued on another node");
        expect(continued.length).toBeGreaterThan(0);
        expect(continued.filter(({ exact }) => exact !== true)).toEqual([]);
      } finally {
        await mesh.stop();
      }
    });
  },
);

/** The text of a streamed answer. */
const textOf = (events: string): string =>
  [...events.matchAll(/^data: (\{.*)$/gm)]
    .map(([, chunk]) => JSON.parse(chunk!) as { choices: { delta?: { content?: string | null } }[] })
    .map(({ choices }) => choices[0]?.delta?.content ?? "")
    .join("");
