import { EventSourceParserStream } from "eventsource-parser/stream";
import { UserFault } from "../../core/lifecycle/user-fault.ts";
import { ask, type Endpoint, messageIn } from "./endpoint.ts";

export interface Turn {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

export interface Piece {
  readonly kind: "text" | "reasoning";
  readonly text: string;
}

/** Streams the next turn. Aborting the signal cancels the generation. */
export async function* streamAnswer(
  endpoint: Endpoint,
  request: { readonly model: string; readonly messages: readonly Turn[] },
  signal: AbortSignal,
): AsyncGenerator<Piece> {
  const response = await ask(endpoint, "/chat/completions", { body: { ...request, stream: true }, signal });
  if (response.body !== null) yield* readPieces(response.body.pipeThrough(new TextDecoderStream()));
}

/** The pieces in server-sent events that may be split anywhere. Throws when they end before the answer does. */
export async function* readPieces(texts: ReadableStream<string>): AsyncGenerator<Piece> {
  for await (const { data } of texts.pipeThrough(new EventSourceParserStream())) {
    if (data === "[DONE]") return;
    yield* piecesOf(data);
  }
  throw new UserFault(
    "the answer is incomplete: the endpoint closed the connection before it was complete. Ask again.",
  );
}

function* piecesOf(data: string): Generator<Piece> {
  const failure = messageIn(data);
  if (failure !== undefined) throw new UserFault(`the answer stopped: ${failure}`);
  const { choices } = JSON.parse(data) as {
    choices?: { delta?: { content?: string; reasoning_content?: string } }[];
  };
  const delta = choices?.[0]?.delta;
  if (delta?.reasoning_content) yield { kind: "reasoning", text: delta.reasoning_content };
  if (delta?.content) yield { kind: "text", text: delta.content };
}
