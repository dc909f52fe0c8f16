import type { Clock } from "../../../../../core/clock.ts";
import { heartbeatEvent, startedEvent } from "../../../../../core/generation/events.ts";
import { linkSignal } from "../../../../../core/streams/link-signal.ts";
import type { GenerationEvent } from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { embeddingEvents } from "../../embeddings.ts";
import { count, list, members } from "../../upstream/json.ts";
import { StallDetector } from "../../upstream/stall-detector.ts";
import { engineFailed, fetchEmbeddings, openStream, toError } from "../connection.ts";
import type { Job } from "../job.ts";
import { readEventFault } from "../upstream/fault.ts";
import { toGenerationError } from "../upstream/to-error.ts";
import { ChunkReader } from "./chunk-reader.ts";
import { type SseEvent, SseReader } from "./sse-reader.ts";

/** How long a server may be silent before the first token, in milliseconds. */
export const beginLimitMs = 240_000;
/** The same between two tokens: unlike Ollama, these servers stream tool calls. */
export const stallLimitMs = 30_000;
/** How long usage may follow the finish reason, in milliseconds. */
const lastEventsMs = 2000;

/** Answers one generation. The request of an incomplete answer is aborted at the end: the server stops. */
export async function* answer(asked: Job): AsyncGenerator<GenerationEvent> {
  const { clock, isAlive, lifetime, usualTimes } = asked.server;
  const scope = linkSignal(asked.signal, lifetime);
  const job = { ...asked, signal: scope.signal };
  const end = { isWhole: false };
  try {
    job.signal.throwIfAborted();
    yield startedEvent("", job.served.fingerprint);
    const detector = new StallDetector({
      clock,
      isAlive,
      beginLimitMs,
      stallLimitMs,
      usual: usualTimes.of(job.generation),
      stalled: (seconds) => `The engine of \`${job.served.model}\` sent nothing for ${seconds} s.`,
    });
    yield* job.generation.embedding === undefined
      ? answerText(job, detector, end)
      : answerInputs(job, detector, end);
  } finally {
    scope.unlink();
    if (!end.isWhole) scope.abort();
  }
}

/** Whether the server has sent everything; set before the last event, after which consumers rarely return. */
interface End {
  isWhole: boolean;
}

async function* answerInputs(job: Job, detector: StallDetector, end: End): AsyncGenerator<GenerationEvent> {
  const inputs = job.generation.embedding?.inputs.length ?? 0;
  const { data, usage } = members(yield* detector.over(fetchEmbeddings(job)));
  const vectors = readVectors(data, inputs);
  if (vectors === undefined) throw engineFailed(job, `did not send one vector for each of ${inputs} inputs`);
  end.isWhole = true;
  yield* embeddingEvents(vectors, count(members(usage).prompt_tokens) ?? inputs);
}

async function* answerText(job: Job, detector: StallDetector, end: End): AsyncGenerator<GenerationEvent> {
  const { clock, client } = job.server;
  const stream = new SseReader(yield* detector.over(openStream(job)), client.address.base);
  const reader = new ChunkReader(job);
  while (!reader.isOver) {
    const events = yield* detector.over(
      reader.isClosing ? lastEvents(stream, clock) : nextEvents(stream, job),
    );
    for (const event of toEvents(events, reader, job)) {
      if (event.event.case === "finished" && !reader.isCut) {
        end.isWhole = true;
        void stream.finish(clock);
      }
      detector.shown(event.event.case === "delta");
      yield event;
    }
    if (detector.isDue) {
      detector.shown(false);
      yield heartbeatEvent();
    }
  }
}

/** The events of the next piece of a stream; undefined: its end. */
function* toEvents(
  events: readonly SseEvent[] | undefined,
  reader: ChunkReader,
  job: Job,
): Generator<GenerationEvent> {
  if (events === undefined) yield* reader.end(false);
  for (const event of events ?? []) {
    if (reader.isOver) return;
    if (event.kind === "done") yield* reader.end(true);
    else {
      const fault = readEventFault(event.value, event.isError);
      if (fault !== undefined) throw toGenerationError(fault, job);
      yield* reader.push(event.value);
    }
  }
}

const nextEvents = (stream: SseReader, job: Job) =>
  stream.next().catch((error: unknown) => {
    job.signal.throwIfAborted();
    throw toError(error, job);
  });

/** What follows the finish reason, within a time limit; errors are ignored. */
async function lastEvents(stream: SseReader, clock: Clock): Promise<readonly SseEvent[] | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = clock.after(lastEventsMs, () => late.resolve(undefined));
  try {
    return await Promise.race([stream.next().catch(() => undefined), late.promise]);
  } finally {
    timer.cancel();
  }
}

/** The vectors under `data`, in the order of the inputs; undefined unless each input has one, all of the same size. */
function readVectors(data: unknown, inputs: number): number[][] | undefined {
  const vectors: (number[] | undefined)[] = [];
  for (const [position, item] of list(data).entries()) {
    const { index, embedding } = members(item);
    vectors[typeof index === "number" ? index : position] = toNumbers(embedding);
  }
  if (vectors.length !== inputs) return undefined;
  const whole = Array.from(vectors).filter((vector) => vector !== undefined);
  return whole.length === inputs && whole.every(({ length }) => length === whole[0]?.length)
    ? whole
    : undefined;
}

/** A list of numbers, or 32-bit floats in base64. */
function toNumbers(embedding: unknown): number[] | undefined {
  if (typeof embedding === "string") {
    const bytes = Buffer.from(embedding, "base64");
    if (bytes.length % 4 !== 0) return undefined;
    return toNumbers(Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4)));
  }
  // llama-server nests the vector of a pooled input.
  const [first] = list(embedding);
  if (Array.isArray(first) && list(embedding).length === 1) return toNumbers(first);
  const numbers = list(embedding);
  return numbers.length > 0 &&
    numbers.every((number) => typeof number === "number" && Number.isFinite(number))
    ? (numbers as number[])
    : undefined;
}
