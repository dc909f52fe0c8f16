import { createHash } from "node:crypto";
import type { Generation } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";

/** Plain words, and some that are easily split wrong: accents, other scripts, surrogate pairs. */
const words = `time light river stone wind paper house garden music silver morning letter bridge water cloud
  forest mountain winter summer window island candle mirror harbour engine signal thread needle copper velvet
  orchard meadow lantern compass anchor feather marble thunder shadow ember valley canyon desert ocean planet
  comet circle square number answer question reason memory moment story silence whisper colour pattern rhythm
  journey station market village kitchen library theatre museum school doctor farmer sailor painter baker
  quiet bright narrow gentle hollow distant hidden golden frozen sudden early late north south east west
  carries follows remembers gathers opens closes turns waits begins ends rises falls listens answers moves
  naïve façade über señor Ångström ελπίδα мир 東京 言葉 한글 שלום नमस्ते 𝄞 🌍 🚀 👩‍👩‍👧`
  .split(/\s+/)
  .filter((word) => word !== "");

/** Ids below this start a text; ids from it on follow another word. */
const vocabularySize = words.length;

export const tokenTexts: readonly string[] = [...words, ...words.map((word) => ` ${word}`)];

const fnvOffset = 0x811c9dc5 | 0;
const fnvPrime = 0x01000193;

/** What determines an answer, and the length of its prompt. */
export interface Prompt {
  /** 32 bits from prompt and seed. */
  readonly key: number;
  /** One per message, word, image and given token id; a long word has several. */
  readonly tokens: number;
}

/** The longest token, in UTF-16 units: without a limit, nothing would bound how much of a prompt must be read. */
const longestToken = 32;

/** What has been read, by the object that the choices of a request share. */
const read = new WeakMap<object, PromptReader>();

/** Reads a prompt, but no further than `mostTokens`: equal prompts and seeds have equal answers. */
export function readPrompt(
  { messages, rawPrompt, sampling }: Generation,
  mostTokens = Number.POSITIVE_INFINITY,
): Prompt {
  const key = rawPrompt ?? messages;
  let reader = read.get(key);
  if (reader === undefined || reader.mostTokens < mostTokens) {
    reader = new PromptReader(mostTokens);
    reader.read(messages, rawPrompt);
    read.set(key, reader);
  }
  const seed = sampling?.seed ?? 0n;
  const hash = scramble(reader.hash ^ Number(BigInt.asUintN(32, seed)));
  return { key: scramble(hash ^ Number(BigInt.asUintN(32, seed >> 32n))), tokens: reader.tokens };
}

class PromptReader {
  readonly mostTokens: number;
  hash = fnvOffset;
  tokens = 0;

  constructor(mostTokens: number) {
    this.mostTokens = mostTokens;
  }

  read(messages: Generation["messages"], rawPrompt: Generation["rawPrompt"]): void {
    for (const { role, parts } of messages) {
      this.#add(role);
      this.tokens++;
      this.#addTexts(parts.map(({ part }) => (part.case === "text" ? part.value : "")));
      for (const { part } of parts) if (part.case === "image") this.#addImage(part.value.data);
    }
    if (rawPrompt?.prompt.case === "text") this.#addTexts([rawPrompt.prompt.value]);
    for (const id of rawPrompt?.prompt.case === "tokens" ? rawPrompt.prompt.value.ids : []) {
      this.#add(id);
      this.tokens++;
    }
  }

  #addTexts(texts: readonly string[]): void {
    let { hash, tokens } = this;
    let inToken = 0;
    for (const text of texts)
      for (let index = 0; index < text.length && tokens <= this.mostTokens; index++) {
        const unit = text.charCodeAt(index);
        hash = Math.imul(hash ^ unit, fnvPrime);
        inToken = unit > 0x20 ? (inToken % longestToken) + 1 : 0;
        if (inToken === 1) tokens++;
      }
    this.hash = hash;
    this.tokens = tokens;
  }

  #addImage(image: Uint8Array): void {
    // Native: a loop over megabytes would take a tenth of a second.
    this.#add(createHash("sha1").update(image).digest().readInt32LE());
    this.tokens++;
  }

  #add(value: number): void {
    this.hash = Math.imul(this.hash ^ value, fnvPrime);
  }
}

/** The id of the token at `index` of an answer; `opens`: it starts a text. */
export function tokenAt(key: number, index: number, opens = index === 0): number {
  const word = (scramble(key + Math.imul(index + 1, goldenRatio)) >>> 0) % vocabularySize;
  return opens ? word : vocabularySize + word;
}

/** A bijective hash of 32 bits (the finalizer of MurmurHash3). */
export function scramble(bits: number): number {
  let value = bits | 0;
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return value ^ (value >>> 16);
}

const goldenRatio = 0x9e3779b9 | 0;
