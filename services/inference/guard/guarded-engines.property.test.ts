import fc from "fast-check";
import { expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { finishedEvent, startedEvent, textEvent } from "../../../core/generation/events.ts";
import { FinishReason } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import {
  FakeEngine,
  generationOf,
  servedModel,
  usageOf,
} from "../../../test/support/inference/fake-engine.ts";
import type { AnswerRecord } from "./guarded-answer.ts";
import { GuardedEngines } from "./guarded-engines.ts";

const slots = 3;
const queueLimit = 4;

/** What may happen, in any order; numbers pick one of those that are open, wherever there is a choice. */
const happening = fc.oneof(
  fc.record({ what: fc.constant("ask" as const), timeoutMs: fc.option(fc.integer({ min: 1, max: 2000 })) }),
  fc.record({
    what: fc.constantFrom("abort", "leave", "start", "token", "finish", "fail", "end", "nonsense"),
    which: fc.nat(20),
  }),
  fc.record({ what: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 700 }) }),
);

test("whatever happens: slots are kept, every answer is lawful and ends once, and nothing is left", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { maxLength: 60 }), async (happenings) => {
      const clock = new FakeClock();
      const engine = new FakeEngine([servedModel("m", { slots })]);
      const records: AnswerRecord[] = [];
      const options = { nodeId: "n", engines: [engine], clock, queueLimit };
      const guard = new GuardedEngines({ ...options, onEnd: (record) => records.push(record) });
      await guard.refresh(new AbortController().signal);
      const readers: ReturnType<typeof readAnswer>[] = [];

      for (const step of happenings) {
        const run = "which" in step ? engine.runs[step.which % engine.runs.length] : undefined;
        const reader = "which" in step ? readers[step.which % readers.length] : undefined;
        if (step.what === "ask") {
          const limits = step.timeoutMs === null ? {} : { timeoutMs: step.timeoutMs };
          readers.push(readAnswer(guard.generate, generationOf({ limits })));
        } else if (step.what === "wait") await clock.advance(step.ms);
        else if (step.what === "abort") reader?.abort();
        else if (step.what === "leave") reader?.leave();
        else if (step.what === "start") run?.send(startedEvent("", ""));
        else if (step.what === "token") run?.send(textEvent("a", [1]));
        else if (step.what === "finish") run?.send(finishedEvent(FinishReason.STOP, usageOf(1)));
        else if (step.what === "fail") run?.fail(new Error("told to"));
        else if (step.what === "end") run?.end();
        else run?.send(undefined as never);
        await new Promise((resolve) => setImmediate(resolve));

        const [load] = guard.current().models;
        expect(load?.running).toBeLessThanOrEqual(slots);
        expect(load?.waiting).toBeLessThanOrEqual(queueLimit);
        expect(load?.waiting === 0 || load?.running === slots).toBe(true);
        expect(guard.open).toBe((load?.running ?? 0) + (load?.waiting ?? 0));
      }

      await guard.close(new MeshError("node_lost", "The end."));
      for (const { events, ended } of readers) {
        const outcome = await ended;
        const order = events.join(" ");
        if (outcome === "complete") expect(order).toMatch(/^started( delta)* finished$/);
        else expect(order).toMatch(/^(started( delta)*)?$/);
      }
      expect(records).toHaveLength(readers.length);
      expect([guard.open, clock.pending]).toEqual([0, 0]);
      expect(guard.current().models[0]).toMatchObject({ running: 0, waiting: 0 });
    }),
    { seed: 20261122, numRuns: 300 },
  );
});

/** Reads until the end, an error, an abort or until told to leave. */
function readAnswer(generate: GuardedEngines["generate"], generation: Parameters<typeof generate>[0]) {
  const controller = new AbortController();
  const answer = generate(generation, controller.signal)[Symbol.asyncIterator]();
  const events: string[] = [];
  const left = Promise.withResolvers<"left">();
  const read = async (): Promise<"complete" | "left" | "failed"> => {
    for (;;) {
      const result = await Promise.race([answer.next(), left.promise]);
      if (result === "left") return "left";
      if (result.done) return "complete";
      events.push(result.value.event.case ?? "nothing");
    }
  };
  return {
    events,
    ended: read().catch((error: unknown) => {
      expect(error).toBeInstanceOf(MeshError);
      return "failed" as const;
    }),
    abort: () => controller.abort(),
    leave: () => {
      left.resolve("left");
      void answer.return?.();
    },
  };
}
