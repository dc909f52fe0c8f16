import { Agent, request } from "node:http";

/** One stream as its reader saw it. */
export interface SeenStream {
  readonly text: string;
  /** `stop` or `length`; undefined when it broke off or ended with an error. */
  readonly finishReason: string | undefined;
  /** Of the answer, as the usage has it. */
  readonly tokens: number | undefined;
  /** The longest time without a token behind a moment, in milliseconds. */
  longestGapMs(after: number): number;
}

/** Streams that are being read. */
export interface OpenStreams {
  /** Resolves once each has shown so many tokens. */
  allShow(tokens: number): Promise<void>;
  readonly ended: Promise<SeenStream[]>;
}

/** What to ask, so many times, each with a prompt of its own. */
export interface StreamsPlan {
  readonly port: number;
  readonly apiKey: string;
  readonly model: string;
  readonly streams: number;
  readonly tokens: number;
  /** What else the body of a stream has. */
  readonly more?: (index: number) => object;
}

/** For each stream the longest time without a token behind a moment, in milliseconds, ascending. */
export const longestGaps = (seen: readonly SeenStream[], after: number): number[] =>
  seen.map((stream) => stream.longestGapMs(after)).sort((a, b) => a - b);

/** Streams whose text or usage is not that of the same question in another run. */
export const countDiffering = (seen: readonly SeenStream[], expected: readonly SeenStream[]): number =>
  seen.filter(
    ({ text, tokens }, index) => text !== expected[index]!.text || tokens !== expected[index]!.tokens,
  ).length;

/** Streams that did not end with a finish reason. */
export const countFailed = (seen: readonly SeenStream[]): number =>
  seen.filter(({ finishReason }) => finishReason === undefined).length;

/** Asks for streams and reads them all in this process. */
export function openStreams(plan: StreamsPlan): OpenStreams {
  const agent = new Agent({ keepAlive: true, maxSockets: plan.streams });
  const readers = Array.from({ length: plan.streams }, () => new Reader());
  const ended = Promise.all(readers.map((reader, index) => read(plan, index, agent, reader)));
  return {
    async allShow(tokens) {
      while (readers.some((reader) => reader.parts < tokens && !reader.hasEnded)) await pause(5);
    },
    ended: ended.then(() => {
      agent.destroy();
      return readers;
    }),
  };
}

class Reader implements SeenStream {
  text = "";
  finishReason: string | undefined;
  tokens: number | undefined;
  hasEnded = false;
  /** When each part with text came. */
  readonly #times: number[] = [];
  #rest = "";

  /** Parts with text. */
  get parts(): number {
    return this.#times.length;
  }

  take(part: string): void {
    const lines = (this.#rest + part).split("\n\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const text = /"delta":\{"content":("(?:[^"\\]|\\.)*")\}/.exec(line)?.[1];
      if (text !== undefined) {
        this.text += JSON.parse(text) as string;
        this.#times.push(performance.now());
      }
      const tokens = /"completion_tokens":(\d+)/.exec(line)?.[1];
      if (tokens !== undefined) this.tokens = Number(tokens);
      this.finishReason ??= /"finish_reason":"(\w+)"/.exec(line)?.[1];
    }
  }

  longestGapMs(after: number): number {
    let last = after;
    let longest = 0;
    for (const time of this.#times) {
      if (time <= after) continue;
      longest = Math.max(longest, time - last);
      last = time;
    }
    return longest;
  }
}

function read(
  { port, apiKey, model, tokens, more = () => ({}) }: StreamsPlan,
  index: number,
  agent: Agent,
  reader: Reader,
): Promise<void> {
  const body = JSON.stringify({
    model,
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: tokens,
    seed: index,
    messages: [{ role: "user", content: `Question ${index}.` }],
    ...more(index),
  });
  const headers = {
    authorization: `Bearer ${apiKey}`,
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  };
  return new Promise((resolve) => {
    const end = () => {
      reader.hasEnded = true;
      resolve();
    };
    const asked = request(
      { host: "127.0.0.1", port, path: "/v1/chat/completions", method: "POST", headers, agent },
      (response) => {
        response.setEncoding("utf8");
        response.on("data", (part: string) => reader.take(part));
        response.once("close", end);
      },
    );
    asked.once("error", end);
    asked.end(body);
  });
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
