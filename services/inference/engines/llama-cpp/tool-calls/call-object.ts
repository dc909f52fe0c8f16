import { isJsonObject, parseJson } from "../../../../../core/json.ts";
import { JsonValueEnd } from "./json-value.ts";
import type { CallPart } from "./tool-call-format.ts";

/**
 * Parses one call as a JSON object: `{"name": …, "arguments": {…}}`, or `"parameters"`, with keys in any
 * order and others among them. Arguments are streamed when the name precedes them.
 */
export class CallObject {
  readonly parts: CallPart[] = [];
  #stage: Stage = "brace";
  #value: JsonValueEnd | undefined;
  #text = "";
  #key = "";
  #name: string | undefined;
  #arguments: "none" | "streamed" | "seen" = "none";
  #early: string | undefined;

  get state(): "reading" | "done" | "broken" {
    return this.#stage === "done" || this.#stage === "broken" ? this.#stage : "reading";
  }

  /** Takes the next character, at offset `at`. */
  push(character: string, at: number): void {
    if (this.#stage === "key") this.#pushKey(character);
    else if (this.#stage === "value") this.#pushValue(character, at);
    else if (isSpace(character)) return;
    else if (this.#stage === "before value") {
      this.#beginValue(character);
      this.#pushValue(character, at);
    } else this.#stage = this.#punctuation(character, at);
  }

  #punctuation(character: string, at: number): Stage {
    switch (this.#stage) {
      case "brace":
        return character === "{" ? "first key" : "broken";
      case "first key":
      case "next key":
        if (character === '"') return this.#beginKey(character);
        return character === "}" && this.#stage === "first key" ? this.#end(at) : "broken";
      case "colon":
        return character === ":" ? "before value" : "broken";
      case "comma":
        if (character === ",") return "next key";
        return character === "}" ? this.#end(at) : "broken";
      default:
        return "broken";
    }
  }

  #beginKey(character: string): Stage {
    this.#value = new JsonValueEnd();
    this.#value.push(character);
    this.#text = character;
    return "key";
  }

  #pushKey(character: string): void {
    this.#text += character;
    if (this.#value!.push(character) !== "last") return;
    this.#key = String(parseJson(this.#text));
    const again = argumentKeys.has(this.#key) && this.#arguments !== "none";
    this.#stage = again ? "broken" : "colon";
  }

  #beginValue(character: string): void {
    this.#value = new JsonValueEnd();
    this.#text = "";
    this.#stage = "value";
    if (argumentKeys.has(this.#key))
      this.#arguments = character === "{" && this.#name !== undefined ? "streamed" : "seen";
  }

  #pushValue(character: string, at: number): void {
    const result = this.#value!.push(character);
    if (result === "bad") {
      this.#stage = "broken";
      return;
    }
    if (result !== "after") {
      if (this.#arguments === "streamed" && argumentKeys.has(this.#key)) this.#stream(character, at);
      else this.#text += character;
    }
    if (result === "more") return;
    this.#stage = this.#endValue(at + (result === "last" ? 1 : 0)) ? "comma" : "broken";
    if (result === "after" && this.#stage === "comma" && !isSpace(character))
      this.#stage = this.#punctuation(character, at);
  }

  #stream(character: string, at: number): void {
    const last = this.parts.at(-1);
    if (last?.kind === "arguments" && last.from + last.text.length === at)
      this.parts[this.parts.length - 1] = { ...last, text: last.text + character };
    else this.parts.push({ kind: "arguments", from: at, text: character });
  }

  /** False when the value is invalid for its key. */
  #endValue(to: number): boolean {
    if (this.#key === "name") return this.#setName(parseJson(this.#text), to);
    if (!argumentKeys.has(this.#key)) return true;
    if (this.#arguments === "streamed") {
      this.#arguments = "seen";
      return true;
    }
    const decoded = toArguments(parseJson(this.#text), this.#text);
    if (decoded === undefined) return false;
    if (this.#name === undefined) this.#early = decoded;
    else this.parts.push({ kind: "decoded", to, text: decoded });
    return true;
  }

  #setName(name: unknown, to: number): boolean {
    if (typeof name !== "string" || name === "" || this.#name !== undefined) return false;
    this.#name = name;
    this.parts.push({ kind: "name", to, name });
    if (this.#early !== undefined) this.parts.push({ kind: "decoded", to, text: this.#early });
    return true;
  }

  #end(at: number): Stage {
    if (this.#name === undefined) return "broken";
    if (this.#arguments === "none") this.parts.push({ kind: "decoded", to: at + 1, text: "{}" });
    this.parts.push({ kind: "end", to: at + 1 });
    return "done";
  }
}

type Stage =
  | "brace"
  | "first key"
  | "key"
  | "colon"
  | "before value"
  | "value"
  | "comma"
  | "next key"
  | "done"
  | "broken";

const argumentKeys: ReadonlySet<string> = new Set(["arguments", "parameters"]);

/** Some models write the arguments as a string of JSON, or `null` for none. */
function toArguments(value: unknown, text: string): string | undefined {
  if (value === null) return "{}";
  if (typeof value === "string") return isJsonObject(parseJson(value)) ? value : undefined;
  return isJsonObject(value) ? text : undefined;
}

/** JSON's white space. */
export const isSpace = (character: string): boolean =>
  character === " " || character === "\n" || character === "\t" || character === "\r";
