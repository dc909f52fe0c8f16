import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { type GenerationRecord, logGenerations } from "../../../core/telemetry/generation-record.ts";
import { createLog } from "../../../core/telemetry/log.ts";
import { type GenerationEvent, GenerationSchema } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import {
  createScript,
  deltaEvent,
  finishedEvent,
  startedEvent,
  textEvent,
} from "../../../test/support/translator/translator.ts";
import { type AnswerReading, iterateAnswer, readAnswer } from "./read-answer.ts";

const generation = create(GenerationSchema, {
  id: "g-1",
  model: "m",
  caller: { userId: "u", requestId: "r" },
});

/** An answer being read: its script, its clock, what was logged. */
function reading(accept: (event: GenerationEvent) => Promise<void> | undefined = () => undefined) {
  const clock = new FakeClock();
  const lines: Record<string, unknown>[] = [];
  const log = createLog({ service: "t", pretty: false, write: (line) => lines.push(JSON.parse(line)) });
  const script = createScript();
  const controller = new AbortController();
  const done = readAnswer(
    { generate: script.generate, clock, surface: "chat", onGenerationEnd: logGenerations(log) },
    generation,
    controller.signal,
    { accept },
  );
  done.catch(() => {});
  return { clock, lines, script, controller, done };
}

test("the log shows who answered, how it ended, and how long it took", async () => {
  const { clock, lines, script, done } = reading();
  const call = await script.next();
  call.push(startedEvent("node-7"), deltaEvent({}));
  await clock.advance(250);
  call.push(textEvent("a"));
  await clock.advance(100);
  call.push(finishedEvent());
  await done;
  expect(lines).toMatchObject([
    {
      level: "info",
      msg: "generation finished",
      generation_id: "g-1",
      node_id: "node-7",
      outcome: "stop",
      first_token_ms: 250,
      duration_ms: 350,
    },
  ]);
});

test("a failure is logged once, by its kind", async () => {
  const { lines, script, done } = reading();
  const call = await script.next();
  call.push(startedEvent());
  call.fail(new MeshError("node_lost", "It went away."));
  await expect(done).rejects.toMatchObject({ kind: "node_lost" });
  expect(lines).toMatchObject([{ level: "warn", msg: "generation failed", outcome: "node_lost" }]);
});

test("the next event waits until the reader has room", async () => {
  const room = Promise.withResolvers<void>();
  const texts: string[] = [];
  const { script, done } = reading(({ event }) => {
    if (event.case === "delta") texts.push(event.value.text);
    return texts.length === 1 ? room.promise : undefined;
  });
  (await script.next()).push(startedEvent(), textEvent("a"), textEvent("b"), finishedEvent());
  await new Promise(setImmediate);
  expect(texts).toEqual(["a"]);
  room.resolve();
  await done;
  expect(texts).toEqual(["a", "b"]);
});

test("a reader that never has room again is not waited for once the answer is not wanted", async () => {
  const { lines, script, controller, done } = reading(() => new Promise(() => {}));
  const call = await script.next();
  call.push(startedEvent());
  await new Promise(setImmediate);
  controller.abort(new MeshError("cancelled", "The client closed the connection."));
  await expect(done).rejects.toMatchObject({ kind: "cancelled" });
  await call.aborted;
  expect(lines).toMatchObject([{ level: "info", outcome: "cancelled" }]);
});

test.each([
  [
    "read",
    (reader: AnswerReading, signal: AbortSignal) =>
      readAnswer(reader, generation, signal, { accept: () => undefined }),
  ],
  [
    "iterated",
    (reader: AnswerReading, signal: AbortSignal) =>
      Array.fromAsync(iterateAnswer(reader, generation, signal)),
  ],
])("an answer that is %s and ends without a last word fails, and its end is told once", async (_, read) => {
  const records: GenerationRecord[] = [];
  const reader: AnswerReading = {
    async *generate() {
      yield startedEvent("node-7");
    },
    clock: new FakeClock(),
    surface: "connect",
    onGenerationEnd: (record) => void records.push(record),
  };
  await expect(read(reader, new AbortController().signal)).rejects.toMatchObject({ kind: "engine_failed" });
  expect(records).toMatchObject([{ outcome: "engine_failed", nodeId: "node-7", surface: "connect" }]);
});

test.each<[string, (answer: AsyncGenerator, leave: AbortController) => unknown, string]>([
  ["stops reading", (answer) => answer.return(undefined), "cancelled"],
  ["is gone, and leaves the iteration where it stands", (_, leave) => leave.abort(), "cancelled"],
  ["is gone, and stops reading", (answer, leave) => [leave.abort(), answer.return(undefined)], "cancelled"],
  [
    "is cut because the service ends",
    (_, leave) => leave.abort(new MeshError("node_lost", "The end.")),
    "node_lost",
  ],
])("of an answer whose reader %s the end is told once", async (_, end, outcome) => {
  const records: GenerationRecord[] = [];
  const reader: AnswerReading = {
    async *generate() {
      yield startedEvent("node-7");
      yield textEvent("a");
    },
    clock: new FakeClock(),
    surface: "connect",
    onGenerationEnd: (record) => void records.push(record),
  };
  const leave = new AbortController();
  const answer = iterateAnswer(reader, generation, leave.signal);
  await answer.next();
  await end(answer, leave);
  expect(records).toMatchObject([{ outcome, nodeId: "node-7" }]);
});
