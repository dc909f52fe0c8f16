import { describe, expect, test } from "vitest";
import { transcribe } from "../../../../services/inference/transcript.ts";
import { never, type Subject } from "./subject.ts";

/** How generations that run at the same time, or are aborted, leave each other alone. */
export function describeNeighbours(subject: Subject): void {
  const { prompts, ask, answer } = subject;

  describe("an abort", () => {
    /** Reads until `seen` events have come, then aborts; resolves when the iteration has ended in any way. */
    const abortAfter = async (seen: number, prompt: string) => {
      const controller = new AbortController();
      let left = seen;
      if (left === 0) controller.abort();
      const whole = transcribe(subject.engine.generate(ask(prompt), controller.signal), () => {
        if (--left === 0) controller.abort();
      });
      await whole.catch(() => {});
    };

    test.each([0, 1, 4])("after %i events ends the answer and harms no other", async (seen) => {
      const before = await answer(prompts[1]);
      const [beside] = await Promise.all([
        subject.served.slots > 1 ? answer(prompts[1]) : before,
        abortAfter(seen, prompts[0]),
      ]);
      expect(beside.text).toBe(before.text);
      expect((await answer(prompts[1])).text).toBe(before.text);
    });

    test("of many leaves every slot usable", async () => {
      const slots = Math.min(subject.served.slots, 8);
      const expected = (await answer(prompts[0])).text;
      for (let round = 0; round < 3; round++)
        await Promise.all(Array.from({ length: slots }, (_, index) => abortAfter(index % 5, prompts[0])));
      const answers = await Promise.all(Array.from({ length: slots }, () => answer(prompts[0])));
      expect(answers.map(({ text }) => text)).toEqual(Array.from({ length: slots }, () => expected));
    });

    test("by leaving the iteration is as good", async () => {
      const expected = (await answer(prompts[0])).text;
      for (let round = 0; round <= subject.served.slots && round < 8; round++)
        for await (const { event } of subject.engine.generate(ask(prompts[0]), never))
          if (event.case === "delta" && event.value.text !== "") break;
      expect((await answer(prompts[0])).text).toBe(expected);
    });
  });

  test("an answer that has finished has given its slot back, before anybody reads on", async () => {
    const expected = (await answer(prompts[0])).text;
    const begin = () => subject.engine.generate(ask(prompts[0]), never)[Symbol.asyncIterator]();
    const open = Array.from({ length: Math.min(subject.served.slots, 8) }, begin);
    for (const events of open) await events.next();
    const [first, ...others] = open;
    let event = await first!.next();
    while (!event.done && event.value.event.case !== "finished") event = await first!.next();
    // In the same turn, as a node does for one that waits.
    expect((await answer(prompts[0])).text).toBe(expected);
    await Promise.all([first!.return?.(), ...others.map((events) => events.return?.())]);
  });

  test("answers beside each other are what they are alone", async () => {
    const alone: string[] = [];
    for (const prompt of prompts) alone.push((await answer(prompt)).text);
    const slots = Math.min(subject.served.slots, 8);
    const count = Math.max(3 * slots, prompts.length);
    const indexes = Array.from({ length: count }, (_, index) => index % prompts.length);
    const together: string[] = [];
    const runOne = async (): Promise<void> => {
      for (let index = indexes.pop(); index !== undefined; index = indexes.pop())
        together.push(`${index} ${(await answer(prompts[index]!)).text}`);
    };
    await Promise.all(Array.from({ length: slots }, runOne));
    expect(new Set(together)).toEqual(new Set(alone.map((text, index) => `${index} ${text}`)));
  });
}
