import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { silentLog } from "../../core/telemetry/log.ts";
import { Role } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { createOpenAiEngine } from "../../services/inference/engines/openai/index.ts";
import { transcribe } from "../../services/inference/transcript.ts";
import { generationOf } from "../support/inference/fake-engine.ts";
import { findLlamaServer, startLlamaServer } from "../support/llama-server.ts";

const found = findLlamaServer();
const never = new AbortController().signal;

test.skipIf("missing" in found)(
  "a real llama-server computes the prompts of a second user as a whole, and from then on those of all",
  async () => {
    const server = await startLlamaServer("path" in found ? found.path : "", {
      slots: 1,
      args: ["--metrics"],
    });
    onTestFinished(() => server.stop());
    const engine = createOpenAiEngine({ url: server.url }, { clock: systemClock, log: silentLog });
    onTestFinished(() => engine.close());
    await engine.models(never);

    /** Prompt tokens that the server has computed. */
    const computed = async () => {
      const metrics = await (await fetch(`${server.url}/metrics`)).text();
      return Number(/^llamacpp:prompt_tokens_total (\d+)/m.exec(metrics)?.[1]);
    };
    const ask = async (cacheSalt: string) => {
      const before = await computed();
      const text = "My name is Ann, and my account has the number 4081 5522 9034. Remember it.";
      const { usage } = await transcribe(
        engine.generate(
          generationOf({
            model: "starter",
            messages: [{ role: Role.USER, parts: [{ part: { case: "text", value: text } }] }],
            limits: { maxTokens: 4 },
            caller: { userId: cacheSalt, cacheSalt },
          }),
          never,
        ),
      );
      expect(usage?.cachedTokens).toBe(0);
      return { whole: usage!.promptTokens, computed: (await computed()) - before };
    };

    const { whole, computed: first } = await ask("ann");
    expect(first).toBe(whole);
    expect((await ask("ann")).computed).toBeLessThan(10);
    expect((await ask("bob")).computed).toBe(whole);
    expect((await ask("ann")).computed).toBe(whole);
  },
);
