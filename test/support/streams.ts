import type { Mesh } from "./mesh.ts";

/** What is needed of a mesh to ask it. */
type Asked = Pick<Mesh, "url" | "headers" | "model">;

/** What a caller has of an answer. */
export interface Received {
  readonly text: string;
  readonly finishReason: string | undefined;
  /** How many tokens it counts; what of them came from a cache is left to chance. */
  readonly usage: { readonly prompt: number; readonly completion: number } | undefined;
  /** What an event of the stream said that went wrong. */
  readonly error?: unknown;
}

/** A chat that is being answered as a stream. */
export interface OpenStream {
  /** Resolves with its first text. */
  readonly shown: Promise<void>;
  /** Resolves with its end, however it ends. */
  readonly whole: Promise<Received & { readonly id: string }>;
}

/** What of a chunk, or of a whole answer, is looked at. */
interface Chunk {
  readonly id?: string;
  readonly error?: unknown;
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null;
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string };
    readonly message?: { readonly content?: string };
    readonly finish_reason?: string | null;
  }[];
}

/** Asks for an answer in one piece. Throws unless the status is 200. */
export async function askWhole(mesh: Asked, body: object): Promise<Received> {
  const { choices, usage } = (await (await post(mesh, body)).json()) as Chunk;
  const [choice] = choices ?? [];
  return {
    text: choice?.message?.content ?? "",
    finishReason: choice?.finish_reason ?? undefined,
    usage: countsOf(usage),
  };
}

const countsOf = (usage: Chunk["usage"]): Received["usage"] =>
  usage == null ? undefined : { prompt: usage.prompt_tokens, completion: usage.completion_tokens };

/** Asks for the same as a stream. */
export function openStream(mesh: Asked, body: object): OpenStream {
  const shown = Promise.withResolvers<void>();
  const read = async () => {
    const response = await post(mesh, { ...body, stream: true, stream_options: { include_usage: true } });
    const received = {
      id: "",
      text: "",
      finishReason: undefined as string | undefined,
      usage: undefined as Received["usage"],
    };
    let error: unknown;
    for await (const chunk of chunksOf(response)) {
      const [choice] = chunk.choices ?? [];
      received.id = chunk.id ?? received.id;
      received.text += choice?.delta?.content ?? "";
      received.finishReason = choice?.finish_reason ?? received.finishReason;
      received.usage = countsOf(chunk.usage) ?? received.usage;
      error = chunk.error ?? error;
      if (received.text !== "") shown.resolve();
    }
    return error === undefined ? received : { ...received, error };
  };
  const whole = read();
  // Whoever waits for a first text that never comes learns why.
  whole.then(() => shown.resolve(), shown.reject);
  shown.promise.catch(() => {});
  whole.catch(() => {});
  return { shown: shown.promise, whole };
}

async function post({ url, headers, model }: Asked, body: object): Promise<Response> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers,
    body: JSON.stringify({ model, ...body }),
  });
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  return response;
}

/** The JSON of each event; the stream has to end with `[DONE]`, or with an error. */
async function* chunksOf(response: Response): AsyncGenerator<Chunk> {
  let rest = "";
  let last = "";
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      if (!line.startsWith("data: ")) continue;
      last = line.slice("data: ".length);
      if (last !== "[DONE]") yield JSON.parse(last);
    }
  }
  if (last !== "[DONE]") yield { error: `The stream ended with ${last}` };
}
