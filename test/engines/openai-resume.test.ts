import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { silentLog } from "../../core/telemetry/log.ts";
import { Role } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { Engine } from "../../services/inference/engine.ts";
import { createOpenAiEngine } from "../../services/inference/engines/openai/index.ts";
import { type Transcript, transcribe } from "../../services/inference/transcript.ts";
import { type GenerationInit, generationOf } from "../support/inference/fake-engine.ts";
import { starterPrompts } from "../support/inference/starter.ts";
import { findLlamaServer, type LlamaServer, startLlamaServer } from "../support/llama-server.ts";

// Answers at temperature 0 that are cut and gone on with, by a llama-server that nobody here wrote.

const found = findLlamaServer();
const never = new AbortController().signal;

/** A template of a model that thinks unless it is told not to; a turn that is gone on with has its thoughts behind it. */
const thinkingTemplate = `{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\\n' }}
{%- if message.role == 'assistant' and (loop.last or message.reasoning_content) -%}
{{ '<think>\\n' + (message.reasoning_content or '') + '\\n</think>\\n\\n' }}
{%- endif -%}
{{ message.content + '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and enable_thinking is false -%}{{ '<think>\\n\\n</think>\\n\\n' }}{%- endif -%}
{%- endif -%}
`;

describe.skipIf("missing" in found)("an answer that a real llama-server goes on with", () => {
  let server: LlamaServer;
  let engine: Engine;
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "cxmpute-template-"));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  const start = async (args: readonly string[] = []) => {
    server = await startLlamaServer("path" in found ? found.path : "", { args });
    engine = createOpenAiEngine({ url: server.url }, { clock: systemClock, log: silentLog });
    await engine.models(never);
  };
  const stop = async () => {
    await engine?.close();
    await server?.stop();
  };

  const answer = (prompt: string, init: GenerationInit = {}): Promise<Transcript> =>
    transcribe(
      engine.generate(
        generationOf({
          model: "starter",
          messages: [{ role: Role.USER, parts: [{ part: { case: "text", value: prompt } }] }],
          sampling: { temperature: 0 },
          limits: { maxTokens: 40 },
          ...init,
        }),
        never,
      ),
    );

  /** The answers' texts, cut at these places each, and what share of them goes on exactly as before. */
  async function shareThatIsTheSame(cutsOf: (answer: Transcript) => number[], init: GenerationInit = {}) {
    const others: string[] = [];
    let seams = 0;
    for (const prompt of starterPrompts) {
      const unbroken = await answer(prompt, init);
      const { text: whole, reasoning } = unbroken;
      expect(reasoning).toBe("");
      for (const cut of cutsOf(unbroken)) {
        seams++;
        const head = whole.slice(0, cut);
        const rest = await answer(prompt, { ...init, resume: { text: head } });
        expect(rest.reasoning).toBe("");
        // The unbroken answer may have met its limit; then this one goes on behind it.
        if (!rest.text.startsWith(whole.slice(cut))) others.push(`${head}|${rest.text}`);
      }
    }
    expect(seams, "too few places to cut at").toBeGreaterThanOrEqual(40);
    return { share: 1 - others.length / seams, others: others.join("\n") };
  }

  describe("as it is started by default", () => {
    beforeAll(() => start());
    afterAll(stop);

    test("is the same as unbroken, wherever it is cut, nine times out of ten", async () => {
      const { share, others } = await shareThatIsTheSame(everyFifth);
      expect(share, others).toBeGreaterThanOrEqual(0.9);
    });

    test("is so with tools at hand, cut where a token ends, as nodes are lost", async () => {
      const tools = [{ name: "get_weather", description: "Tells the weather.", parametersJson: "{}" }];
      const { share, others } = await shareThatIsTheSame(tokenEnds, { tools });
      expect(share, others).toBeGreaterThanOrEqual(0.9);
    });

    test("may still call a function", async () => {
      const tools = [
        {
          name: "get_weather",
          description: "Tells the weather.",
          parametersJson: '{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}',
        },
      ];
      const whole = await answer("What is the weather in Paris?", { tools });
      expect(whole.toolCalls).toMatchObject([{ name: "get_weather" }]);
      // What the model writes in front of a call is no more than a line end.
      const rest = await answer("What is the weather in Paris?", { tools, resume: { text: "\n" } });
      expect(rest).toMatchObject({ reason: whole.reason, toolCalls: [{ name: "get_weather" }] });
    });
  });

  describe("of a model that thinks", () => {
    beforeAll(async () => {
      const path = join(directory, "thinking.jinja");
      await writeFile(path, thinkingTemplate);
      await start(["--chat-template-file", path]);
    });
    afterAll(stop);

    test("goes on behind its thoughts", async () => {
      const { share, others } = await shareThatIsTheSame(everyFifth, { reasoning: { enabled: false } });
      // The starter model was not made for that template: it writes much that it is not sure of.
      expect(share, others).toBeGreaterThanOrEqual(0.75);
    });
  });
});

const everyFifth = ({ text }: Transcript): number[] =>
  Array.from({ length: Math.ceil(text.length / 5) - 1 }, (_, index) => 5 * (index + 1));

/** Each delta of llama-server holds a token. */
function tokenEnds({ deltas, text }: Transcript): number[] {
  const ends = new Set<number>();
  let end = 0;
  for (const delta of deltas) {
    end += delta.text.length;
    if (end > 0 && end < text.length) ends.add(end);
  }
  return [...ends];
}
