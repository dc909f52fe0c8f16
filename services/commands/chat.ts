import { createInterface, type Interface } from "node:readline/promises";
import { text as readAll } from "node:stream/consumers";
import { EventSourceParserStream } from "eventsource-parser/stream";
import type { Values } from "../../core/config/settings.ts";
import { exitCodes, UserFault } from "../../core/lifecycle/user-fault.ts";
import { printable } from "../../core/terminal.ts";
import { ask, type Endpoint, messageIn, toEndpoint } from "./endpoint.ts";
import type { chatSettings } from "./settings/clients.ts";

/** Talks to a model: in a conversation on a terminal; once with a message or piped input. */
export async function chat(values: Values<typeof chatSettings>, words: readonly string[]): Promise<number> {
  const endpoint = toEndpoint(values);
  const opening: Turn[] = values.system === undefined ? [] : [{ role: "system", content: values.system }];
  const message = words[0] ?? (process.stdin.isTTY ? undefined : (await readAll(process.stdin)).trim());
  if (message === "")
    throw new UserFault("no message: give one as an argument, or pipe one in.", {
      exitCode: exitCodes.usage,
    });
  const model = values.model ?? (await firstModel(endpoint));
  return message === undefined
    ? converse({ endpoint, model, opening })
    : answerOnce({ endpoint, model, opening }, message);
}

interface Conversation {
  readonly endpoint: Endpoint;
  readonly model: string;
  /** The turns before the first question, which a reset keeps. */
  readonly opening: readonly Turn[];
}

async function firstModel(endpoint: Endpoint): Promise<string> {
  const { data } = (await (await ask(endpoint, "/models")).json()) as { data?: { id: string }[] };
  const first = data?.[0]?.id;
  if (first !== undefined) return first;
  throw new UserFault(
    `${endpoint.baseUrl} serves no model now. Wait for a node to join, or join one with \`cxmpute join\`.`,
  );
}

async function answerOnce(conversation: Conversation, message: string): Promise<number> {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  await answer(conversation, [...conversation.opening, { role: "user", content: message }], stop.signal);
  return stop.signal.aborted ? 130 : exitCodes.ok;
}

const help = `/help    this
/reset   forget the conversation
/exit    leave; so do Ctrl-D, and Ctrl-C while nothing is being answered
Ctrl-C   stop the answer
`;

async function converse(conversation: Conversation): Promise<number> {
  const { model, opening, endpoint } = conversation;
  const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: "> " });
  process.stdout.write(`Talking to ${model} at ${endpoint.baseUrl}. /help lists the commands.\n\n`);
  let turns: Turn[] = [...opening];
  let stop: AbortController | undefined;
  terminal.on("SIGINT", () => (stop === undefined ? terminal.close() : stop.abort()));

  for await (const line of prompted(terminal)) {
    if (line === "/exit" || line === "/quit") break;
    if (line === "/help") process.stdout.write(help);
    else if (line === "/reset") {
      turns = [...opening];
      process.stdout.write("Forgotten.\n");
    } else if (line.startsWith("/"))
      process.stdout.write(`Unknown command ${line.split(" ")[0]}; /help lists the commands.\n`);
    else if (line !== "") {
      stop = new AbortController();
      const asked: Turn[] = [...turns, { role: "user", content: line }];
      try {
        const content = await answer(conversation, asked, stop.signal);
        // A stopped answer belongs to the conversation; a question without an answer does not.
        if (content !== "") turns = [...asked, { role: "assistant", content }];
      } catch (error) {
        if (!(error instanceof UserFault)) throw error;
        process.stderr.write(`${error.message}\n`);
      }
      stop = undefined;
      process.stdout.write("\n");
    }
  }
  terminal.close();
  return exitCodes.ok;
}

async function* prompted(terminal: Interface): AsyncGenerator<string> {
  terminal.prompt();
  for await (const line of terminal) {
    yield line.trim();
    terminal.prompt();
  }
  process.stdout.write("\n");
}

/** Prints an answer as it comes, and returns its text, also of a stopped one. */
async function answer(
  { endpoint, model }: Conversation,
  messages: readonly Turn[],
  signal: AbortSignal,
): Promise<string> {
  const show = createPrinter();
  let printed = "";
  try {
    for await (const { kind, text } of streamAnswer(endpoint, { model, messages }, signal)) {
      show(text, kind === "reasoning");
      if (kind === "text") printed += text;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    show(printed.endsWith("\n") ? "" : "\n", false);
  }
  return printed;
}

/** Writes to standard output; on a terminal without control characters, and reasoning dimmed. */
function createPrinter(): (text: string, dim: boolean) => void {
  const isTerminal = process.stdout.isTTY === true;
  return (text, dim) => {
    if (isTerminal) process.stdout.write(dim ? `\u001b[2m${printable(text)}\u001b[22m` : printable(text));
    else if (!dim) process.stdout.write(text);
  };
}

interface Turn {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

export interface Piece {
  readonly kind: "text" | "reasoning";
  readonly text: string;
}

/** Streams the next turn. Aborting the signal cancels the generation. */
async function* streamAnswer(
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
