import { create, toBinary } from "@bufbuild/protobuf";
import {
  type EmbeddingRequest,
  EmbeddingRequestSchema,
  type Generation,
  GenerationSchema,
  ImageSchema,
  type Message,
  MessageSchema,
  type Part,
  PartSchema,
  type RawPrompt,
  RawPromptSchema,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { inOwnTurn } from "../streams/own-turn.ts";
import { varintSize } from "./varint.ts";

/** What of a generation may be megabytes long, and is the same for all choices of a request. */
export type PromptFields = Pick<Generation, "messages" | "tools" | "rawPrompt" | "embedding">;

/** Tags: field number and wire type. */
const tags = {
  generation: { messages: 0x1a, rawPrompt: 0x7a, embedding: 0x82 },
  message: { parts: 0x12 },
  part: { text: 0x0a, image: 0x12 },
  image: { data: 0x0a },
  rawPrompt: { text: 0x0a },
  embedding: { inputs: 0x0a },
} as const;

/** Texts from this length on, in UTF-16 units, are encoded by hand. */
const longText = 64 * 1024;
/** How much of a text is encoded in one turn of the event loop: up to 4 ms. */
const sliceUnits = 1024 * 1024;

/** Bytes, or a text and the number of its bytes in UTF-8. */
type Piece = Uint8Array | { readonly text: string; readonly length: number };

/**
 * Encodes a prompt as a Generation, in turns of the event loop. Protobuf-es would encode all of a text at once, and copy
 * it for each message around it.
 */
export async function encodePrompt(fields: PromptFields): Promise<Uint8Array> {
  const pieces: Piece[] = [];
  for (const layOut of stepsOf(fields)) pieces.push(...(await inOwnTurn(layOut)));
  const bytes = Buffer.allocUnsafeSlow(sizeOf(pieces));
  let at = 0;
  for (const piece of pieces)
    if (piece instanceof Uint8Array) {
      bytes.set(piece, at);
      at += piece.length;
    } else
      for (const slice of slices(piece.text)) at += await inOwnTurn(() => bytes.write(slice, at, "utf8"));
  return bytes;
}

/** How many messages are laid out in one turn of the event loop: up to 5 ms. */
const messagesPerTurn = 1000;

/** Each returns the next pieces. */
function* stepsOf({ messages, tools, rawPrompt, embedding }: PromptFields): Generator<() => Piece[]> {
  const { generation } = tags;
  yield () => [toBinary(GenerationSchema, create(GenerationSchema, { tools }))];
  for (let start = 0; start < messages.length; start += messagesPerTurn)
    yield () => layOutMessages(messages.slice(start, start + messagesPerTurn));
  if (rawPrompt !== undefined) yield () => field(generation.rawPrompt, layOutRawPrompt(rawPrompt));
  if (embedding !== undefined) yield () => field(generation.embedding, layOutEmbedding(embedding));
}

function layOutMessages(messages: Message[]): Piece[] {
  if (!messages.some(({ parts }) => parts.some(isLong)))
    return [toBinary(GenerationSchema, create(GenerationSchema, { messages }))];
  return messages.flatMap((message) =>
    field(tags.generation.messages, [
      toBinary(MessageSchema, { ...message, parts: [] }),
      ...message.parts.flatMap((part) => field(tags.message.parts, layOutPart(part))),
    ]),
  );
}

const isLong = ({ part }: Part): boolean => part.case === "image" || (part.value?.length ?? 0) >= longText;

function layOutPart(part: Part): Piece[] {
  const { case: kind, value } = part.part;
  if (kind === "text" && value.length >= longText) return field(tags.part.text, [toPiece(value)]);
  if (kind !== "image") return [toBinary(PartSchema, part)];
  return field(tags.part.image, [
    toBinary(ImageSchema, { ...value, data: new Uint8Array(0) }),
    ...field(tags.image.data, [value.data]),
  ]);
}

function layOutRawPrompt(rawPrompt: RawPrompt): Piece[] {
  const { case: kind, value } = rawPrompt.prompt;
  if (kind !== "text" || value.length < longText) return [toBinary(RawPromptSchema, rawPrompt)];
  return field(tags.rawPrompt.text, [toPiece(value)]);
}

const layOutEmbedding = ({ inputs, ...rest }: EmbeddingRequest): Piece[] => [
  toBinary(EmbeddingRequestSchema, { ...rest, inputs: [] }),
  ...inputs.flatMap((input) => field(tags.embedding.inputs, layOutRawPrompt(input))),
];

const toPiece = (text: string): Piece => ({ text, length: Buffer.byteLength(text) });

const sizeOf = (pieces: readonly Piece[]): number => pieces.reduce((sum, { length }) => sum + length, 0);

/** A field that holds these pieces, after its tag and their length. */
function field(tag: number, pieces: readonly Piece[]): Piece[] {
  const size = sizeOf(pieces);
  const head = new Uint8Array(varintSize(tag) + varintSize(size));
  putVarint(head, size, putVarint(head, tag, 0));
  return [head, ...pieces];
}

/** Returns where it ends. */
function putVarint(bytes: Uint8Array, value: number, start: number): number {
  let at = start;
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
  bytes[at++] = rest;
  return at;
}

/** A text in slices that split no character. */
function* slices(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    let end = Math.min(text.length, start + sliceUnits);
    const last = text.charCodeAt(end - 1);
    if (end < text.length && last >= 0xd800 && last < 0xdc00) end--;
    yield text.slice(start, end);
    start = end;
  }
}
