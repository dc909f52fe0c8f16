import type { Mesh } from "./mesh.ts";

// Chats over HTTP whose answers are compared: with and without trouble, they must be the same.

/** One answer as a client sees it. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly reasoning: string;
  readonly toolCalls: string;
  readonly finishReason: string | undefined;
  readonly completionTokens: number | undefined;
  readonly error: unknown;
}

interface Chunk {
  readonly error?: unknown;
  readonly usage?: { readonly completion_tokens: number } | null;
  readonly choices?: readonly {
    readonly index: number;
    readonly finish_reason: string | null;
    readonly delta?: Message;
    readonly message?: Message;
  }[];
}

interface Message {
  readonly content?: string | null;
  readonly reasoning_content?: string | null;
  readonly tool_calls?: readonly {
    readonly id?: string;
    readonly function: { readonly name?: string; readonly arguments: string };
  }[];
}

export const streamed = { stream: true, stream_options: { include_usage: true } };

const shows = (delta: Message | undefined): boolean =>
  Boolean(delta?.content) || delta?.tool_calls !== undefined;

/** Asks a mesh. */
export function chatClient(mesh: () => Mesh) {
  /** Asks and reads to the end; `onText` is told each time that more of a stream has come. */
  const ask = async (body: object, onText: () => void = () => {}): Promise<Answer> => {
    const response = await fetch(`${mesh().url}/v1/chat/completions`, {
      method: "POST",
      headers: mesh().headers,
      body: JSON.stringify(body),
    });
    const chunks: Chunk[] = [];
    if (response.headers.get("content-type")?.startsWith("text/event-stream")) {
      let rest = "";
      for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
        const events = (rest + part).split("\n\n");
        rest = events.pop() ?? "";
        for (const event of events)
          if (event.startsWith("data: {")) chunks.push(JSON.parse(event.slice("data: ".length)) as Chunk);
        if (chunks.some(({ choices }) => shows(choices?.[0]?.delta))) onText();
      }
    } else chunks.push((await response.json()) as Chunk);
    const choices = chunks.flatMap(({ choices: some }) => some ?? []).sort((a, b) => a.index - b.index);
    const parts = choices.map(({ delta, message }) => delta ?? message ?? {});
    return {
      status: response.status,
      text: parts.map(({ content }) => content ?? "").join(""),
      reasoning: parts.map(({ reasoning_content: thought }) => thought ?? "").join(""),
      toolCalls: parts
        .flatMap(({ tool_calls: calls }) => calls ?? [])
        .map(({ id = "", function: { name = "", arguments: args } }) => id + name + args)
        .join(""),
      finishReason: choices.findLast(({ finish_reason: reason }) => reason)?.finish_reason ?? undefined,
      completionTokens: chunks.findLast(({ usage }) => usage)?.usage?.completion_tokens,
      error: chunks.find(({ error }) => error !== undefined)?.error,
    };
  };

  /** What the same questions are answered with when nothing happens, without the parts that may differ. */
  const undisturbed = (bodies: readonly object[]) => Promise.all(bodies.map((body) => ask(body)));

  /** Asks all; once all streams show something, and so many more parts of it, makes the trouble; reads all to their end. */
  const askThrough = async (
    bodies: readonly object[],
    trouble: () => Promise<unknown>,
    more = 2,
  ): Promise<Answer[]> => {
    const shown = new Map(bodies.map((_, index) => [index, 0]));
    const waiting = new Set(
      bodies.flatMap((body, index) => ((body as { stream?: boolean }).stream === true ? [index] : [])),
    );
    const allShow = Promise.withResolvers<void>();
    const answers = bodies.map((body, index) =>
      ask(body, () => {
        shown.set(index, (shown.get(index) ?? 0) + 1);
        if (shown.get(index) === 1 + more) waiting.delete(index);
        if (waiting.size === 0) allShow.resolve();
      }),
    );
    await Promise.race([allShow.promise, Promise.all(answers)]);
    await trouble();
    return Promise.all(answers);
  };

  return { ask, askThrough, undisturbed };
}

/** A model at so many words a second, and a second one that has the same answers at once. */
export const paced = (model: string, tokensPerSecond = 40) => [
  ...["--engine", "synthetic", "--first-token-ms", "1", "--slots", "64", "--model", model],
  ...["--tokens-per-second", String(tokensPerSecond)],
  ...["--synthetic-models", JSON.stringify({ [`${model}-at-once`]: { tokensPerSecond: 0 } })],
];

/** So many questions, one in four of which is not streamed. */
export const questions = (model: string, count: number, tokens: number) =>
  Array.from({ length: count }, (_, index) => ({
    model,
    messages: [{ role: "user", content: `Question ${index}.` }],
    max_tokens: tokens,
    seed: index,
    ...(index % 4 === 0 ? {} : streamed),
  }));

const weather = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: {
      type: "object",
      properties: { city: { type: "string" }, note: { type: "string" } },
      required: ["city", "note"],
    },
  },
};
const person = {
  type: "json_schema",
  json_schema: {
    name: "people",
    strict: true,
    schema: {
      type: "object",
      properties: {
        people: { type: "array", minItems: 12, maxItems: 12, items: { enum: ["Ann", "Bob", "Carol"] } },
      },
      required: ["people"],
      additionalProperties: false,
    },
  },
};
const story = {
  model: "starter",
  messages: [{ role: "user", content: "Tell me a story." }],
  max_tokens: 400,
};
/** Questions to the starter model, by the form of their answers. */
export const forms = {
  "greedy text": { ...story, temperature: 0 },
  "text by a seed": { ...story, temperature: 0.8, seed: 7 },
  "text with penalties and a stop": { ...story, frequency_penalty: 0.5, seed: 9, stop: ["the end."] },
  "JSON by a schema": { ...story, response_format: person, seed: 3 },
  "a forced call": { ...story, max_tokens: 100, tools: [weather], tool_choice: "required", seed: 4 },
};

/** Without the ids of tool calls, which come from the request: all else must be equal to the last character. */
export const withoutCallIds = ({ toolCalls, ...rest }: Answer): Answer => ({
  ...rest,
  toolCalls: toolCalls.replaceAll(/call_[A-Za-z0-9]{24}/g, "call"),
});
