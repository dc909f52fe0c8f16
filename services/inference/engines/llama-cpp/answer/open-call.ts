import { isJsonObject, parseJson } from "../../../../../core/json.ts";
import type { CallPart, CallReader } from "../tool-calls/tool-call-format.ts";
import { type Piece, running } from "./pieces.ts";

/** One or more calls that were opened and are being read. */
export class OpenCall {
  /** Offset of its opener. */
  readonly at: number;
  readonly opener: string;
  /** True when a grammar constrains it, so fragments can be emitted at once. */
  trusted: boolean;
  named = false;
  readonly #reader: CallReader;
  #text = "";
  #parts: CallPart[] = [];

  constructor(at: number, opener: string, reader: CallReader, trusted: boolean) {
    this.at = at;
    this.opener = opener;
    this.trusted = trusted;
    this.#reader = reader;
  }

  get state(): CallReader["state"] {
    return this.#reader.state;
  }

  get text(): string {
    return this.#text;
  }

  /** Takes more text and returns how many of its characters belong to the calls. */
  read(text: string): number {
    const count = this.#reader.read(text);
    this.#text += text.slice(0, count);
    const parts = this.#reader.take();
    this.named ||= parts.some(({ kind }) => kind === "name");
    this.#parts.push(...parts);
    return count;
  }

  /** Whether every call names a callable function and has a JSON object for its arguments. */
  isValid(callable: ReadonlySet<string>): boolean {
    const named: { name: string; json: string }[] = [];
    for (const part of this.#parts)
      if (part.kind === "name") named.push({ name: part.name, json: "" });
      else if (part.kind !== "end") named.at(-1)!.json += part.text;
    return named.every(({ name, json }) => callable.has(name) && isJsonObject(parseJson(json)));
  }

  /** The pieces found since the last call, and how many calls they complete; at most `maxCalls`. */
  take(maxCalls: number): { pieces: Piece[]; completed: number } {
    const pieces: Piece[] = [];
    let completed = 0;
    const base = this.at + this.opener.length;
    for (const part of this.#parts.splice(0)) {
      if (completed >= maxCalls) break;
      if (part.kind === "end") completed++;
      else if (part.kind === "arguments") pieces.push(running("arguments", base + part.from, part.text));
      else if (part.kind === "name") pieces.push({ kind: "call", name: part.name, to: base + part.to });
      else pieces.push({ kind: "decoded", text: part.text, to: base + part.to });
    }
    return { pieces, completed };
  }
}
