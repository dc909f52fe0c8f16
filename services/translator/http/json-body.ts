import { isJsonObject } from "../../../core/json.ts";
import { badJson } from "../errors/http-faults.ts";
import { JsonScanner } from "./json-scanner.ts";

/** A request's body: one JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Parses a body that has arrived in full, as `JsonBody` does. */
export function parseJsonBody(bytes: Uint8Array): JsonObject {
  const body = new JsonBody();
  body.take(bytes);
  return body.parse();
}

/** A body as it arrives: each chunk is checked and decoded at once, so that a bad one is refused before its end. */
export class JsonBody {
  readonly #scanner = new JsonScanner();
  #texts: string[] = [];
  /** The first bytes of a character whose others are still to come. */
  #rest: Uint8Array = nothing;

  /** Throws when the body is not UTF-8, or exceeds a limit of `jsonLimits`. */
  take(chunk: Uint8Array): void {
    this.#scanner.scan(chunk);
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const whole = wholeCharacters(bytes);
    // A copy: the chunk is a view of a buffer that is used again.
    this.#rest = whole === bytes.length ? nothing : Uint8Array.from(bytes.subarray(whole));
    if (whole > 0)
      this.#texts.push(decode(this.#texts.length === 0 ? first : others, bytes.subarray(0, whole)));
  }

  /** Joins what has arrived: a step that `parse` would take by itself. */
  join(): void {
    if (this.#texts.length > 1) this.#texts = [this.#texts.join("")];
  }

  /**
   * The value of the whole body. Throws unless it is one JSON object. The last of equal keys counts, as in `JSON.parse`;
   * every later check sees this same value.
   */
  parse(): JsonObject {
    if (this.#rest.length > 0) throw notUtf8();
    this.join();
    const value = parse(this.#texts[0] ?? "");
    if (!isJsonObject(value))
      throw badJson('The body must be one JSON object, such as {"model": …, "messages": […]}.');
    return value;
  }
}

const nothing = new Uint8Array(0);

/** The length of the bytes without a character at their end that is incomplete. */
function wholeCharacters(bytes: Uint8Array): number {
  // A character has up to four bytes; all but its first are 10xxxxxx.
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return size > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** Drops a byte order mark, which may only stand at the beginning. */
const first = new TextDecoder("utf-8", { fatal: true });
const others = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(decoder: typeof first, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw notUtf8();
  }
}

const notUtf8 = () => badJson("The body is not valid UTF-8.");

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // Only the position: the rest of the parser's message quotes the prompt.
    const position = /\(line \d+ column \d+\)/.exec((error as Error).message)?.[0] ?? "";
    throw badJson(
      `This likely means you aren't using your HTTP library correctly. The API expects a JSON payload, but what was sent was not valid JSON ${position}`.trimEnd() +
        ".",
    );
  }
}
