import { decode } from "../text/utf8-stream.ts";
import { GgufError, type Metadata } from "./gguf/header.ts";

/** Kinds of tokens, numbered as in GGUF. */
export const TokenType = {
  normal: 1,
  unknown: 2,
  control: 3,
  userDefined: 4,
  unused: 5,
  byte: 6,
} as const;

/** A model's tokens and exact bytes: llama.cpp's detokenizer turns fractions of characters into U+FFFD. */
export class Vocabulary {
  /** Tokens as they are in the file. */
  readonly pieces: readonly string[];
  /** Whether SentencePiece puts a space before every text. */
  readonly leadingSpace: boolean;
  readonly #types: readonly number[];
  readonly #kind: VocabularyKind;
  readonly #cache: (Uint8Array | undefined)[] = [];
  readonly #visible = new Set<number>();

  /** Throws `GgufError` for a vocabulary that is damaged or of an unknown kind. */
  constructor(metadata: Metadata) {
    const kind = metadata.text("tokenizer.ggml.model");
    const pieces = metadata.texts("tokenizer.ggml.tokens");
    if (kind === undefined || pieces === undefined || pieces.length === 0)
      throw new GgufError("holds no vocabulary, so it is no language model");
    const known = kinds[kind];
    if (known === undefined)
      throw new GgufError(
        `has a vocabulary of the kind \`${kind}\`, which the embedded engine does not know. Serve it with llama-server or Ollama beside the node`,
      );
    this.pieces = pieces;
    this.#types = metadata.numbers("tokenizer.ggml.token_type") ?? [];
    this.#kind = known;
    this.leadingSpace = kind === "llama" && metadata.flag("tokenizer.ggml.add_space_prefix") !== false;
  }

  get size(): number {
    return this.pieces.length;
  }

  typeOf(token: number): number {
    return this.#types[token] ?? TokenType.normal;
  }

  ofType(type: number): number[] {
    return this.#types.flatMap((other, token) => (other === type ? [token] : []));
  }

  /** The control or user-defined token with exactly this piece. */
  special(piece: string): number | undefined {
    const token = this.pieces.indexOf(piece);
    const type = token < 0 ? undefined : this.typeOf(token);
    return type === TokenType.control || type === TokenType.userDefined ? token : undefined;
  }

  /** Gives a control token, if any, its piece as text: tags of tool calls are parsed as text. */
  show(token: number | undefined): void {
    if (token === undefined) return;
    this.#visible.add(token);
    this.#cache[token] = undefined;
  }

  /** The bytes of a token's text; empty for tokens without text. Do not modify them. */
  bytesOf(token: number): Uint8Array {
    this.#cache[token] ??= this.#bytes(token);
    return this.#cache[token];
  }

  /** The bytes of all tokens with text. */
  *texts(): Generator<Uint8Array> {
    for (let token = 0; token < this.size; token++) yield this.#bytes(token);
  }

  /** Whether a token's text is a prefix of these bytes, or the reverse; quick enough for a vocabulary. */
  agreesWith(bytes: Uint8Array): (token: number) => boolean {
    const text = decode(bytes);
    const asPiece = this.#kind.toPiece(bytes);
    return (token) => {
      const piece = this.pieces[token]!;
      switch (this.typeOf(token)) {
        case TokenType.normal:
          return agree(piece, asPiece);
        case TokenType.userDefined:
          return agree(piece, text);
        case TokenType.byte:
          return byteToken(piece)[0] === bytes[0];
        default:
          return false;
      }
    };
  }

  #bytes(token: number): Uint8Array {
    const piece = this.pieces[token]!;
    switch (this.typeOf(token)) {
      case TokenType.normal:
        return this.#kind.toBytes(piece);
      case TokenType.userDefined:
        return Buffer.from(piece);
      case TokenType.byte:
        return byteToken(piece);
      default:
        return this.#visible.has(token) ? Buffer.from(piece) : none;
    }
  }
}

const none = new Uint8Array(0);

/** SentencePiece writes bytes without a token of their own as `<0x0A>`. */
function byteToken(piece: string): Uint8Array {
  const match = /^<0x([0-9A-Fa-f]{2})>$/.exec(piece);
  return match === null ? none : Uint8Array.of(Number.parseInt(match[1]!, 16));
}

const agree = (piece: string, other: string): boolean =>
  piece !== "" && (piece.startsWith(other) || other.startsWith(piece));

interface VocabularyKind {
  readonly toBytes: (piece: string) => Uint8Array;
  /** The inverse; incomplete characters become what no piece contains. */
  readonly toPiece: (bytes: Uint8Array) => string;
}

/** By `tokenizer.ggml.model`. */
const kinds: Readonly<Record<string, VocabularyKind>> = {
  gpt2: {
    toBytes: (piece) =>
      Buffer.concat([...piece].map((character) => gpt2Bytes.get(character) ?? Buffer.from(character))),
    toPiece: (bytes) => Array.from(bytes, (byte) => gpt2Characters[byte]).join(""),
  },
  llama: {
    toBytes: (piece) => Buffer.from(piece.replaceAll("\u2581", " ")),
    toPiece: (bytes) => decode(bytes).replaceAll(" ", "\u2581"),
  },
};

const gpt2Bytes = new Map<string, Uint8Array>();
const gpt2Characters: string[] = [];
for (let byte = 0, stand = 256; byte < 256; byte++) {
  const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  const character = String.fromCodePoint(printable ? byte : stand++);
  gpt2Bytes.set(character, Uint8Array.of(byte));
  gpt2Characters.push(character);
}
