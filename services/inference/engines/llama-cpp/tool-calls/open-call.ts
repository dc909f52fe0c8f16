import { isJsonObject, parseJson } from "../../../../../core/json.ts";
import { type Piece, running } from "../answer/pieces.ts";

/** A coroutine whose every `yield` waits for the next character; `complete`: the text may also end here. */
export type Parsing<T> = Generator<"reading" | "complete", T, string>;

/** Parses what follows an opener: emits the pieces of its calls, and returns at their end. */
export type CallParser = (call: OpenCall) => Parsing<void>;

/** Rejects the text that is being parsed: it is not a call. */
export function check(condition: boolean): asserts condition {
  if (!condition) throw new NotACall();
}

class NotACall extends Error {}

/** A piece of a call, or its end. */
type CallPiece = Piece | { readonly kind: "end" };

/** One or more calls that were opened and are being parsed as they are generated. */
export class OpenCall {
  /** Offset of its opener. */
  readonly at: number;
  readonly opener: string;
  /** True when a grammar constrains it, so fragments can be emitted at once. */
  trusted: boolean;
  /** `complete`: may end here. `done`: nothing more belongs to the calls. `broken`: not a call. */
  state: "reading" | "complete" | "done" | "broken" = "reading";
  named = false;
  /** Offset after the latest character. */
  to: number;
  /** What follows the opener. */
  text = "";
  #pieces: CallPiece[] = [];
  readonly #parsing: Parsing<void>;

  constructor(at: number, opener: string, parse: CallParser, trusted: boolean) {
    this.at = at;
    this.opener = opener;
    this.trusted = trusted;
    this.to = at + opener.length;
    this.#parsing = parse(this);
    this.#parsing.next();
  }

  /** Takes more text and returns how many of its characters belong to the calls. */
  read(text: string): number {
    let count = 0;
    try {
      for (const character of text) {
        count += character.length;
        this.to += character.length;
        const { done, value } = this.#parsing.next(character);
        this.state = done === true ? "done" : value;
        if (done === true) break;
      }
    } catch (error) {
      if (!(error instanceof NotACall)) throw error;
      this.state = "broken";
    }
    this.text += text.slice(0, count);
    return count;
  }

  emit(piece: CallPiece): void {
    this.named ||= piece.kind === "call";
    this.#pieces.push(piece);
  }

  /** Records the latest character as verbatim JSON of the arguments. */
  stream(character: string): void {
    const last = this.#pieces.at(-1);
    const from = this.to - character.length;
    if (last?.kind === "arguments" && last.to === from)
      this.#pieces[this.#pieces.length - 1] = running("arguments", last.from, last.text + character);
    else this.emit(running("arguments", from, character));
  }

  /** Whether every call names a callable function and has a JSON object for its arguments. */
  isValid(callable: ReadonlySet<string>): boolean {
    const calls: { name: string; json: string }[] = [];
    for (const piece of this.#pieces)
      if (piece.kind === "call") calls.push({ name: piece.name, json: "" });
      else if (piece.kind !== "end") calls.at(-1)!.json += piece.text;
    return calls.every(({ name, json }) => callable.has(name) && isJsonObject(parseJson(json)));
  }

  /** The pieces found since the last `take`. */
  take(): CallPiece[] {
    return this.#pieces.splice(0);
  }
}
