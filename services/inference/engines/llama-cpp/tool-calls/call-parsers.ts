import { isJsonObject, parseJson } from "../../../../../core/json.ts";
import { type CallParser, check, type OpenCall, type Parsing } from "./open-call.ts";

/** Parses `{…}` and the tag that closes it, if any. */
export const callObject = (closingTag: string): CallParser =>
  function* (call) {
    yield* object(call);
    // Many models end their turn without the closing tag.
    for (let closed = ""; closed !== closingTag; ) {
      const character = yield closed === "" ? "complete" : "reading";
      if (closed === "" && isSpace(character)) continue;
      closed += character;
      check(closingTag.startsWith(closed));
    }
  };

/** Parses `[{…}, {…}]`. */
export const callList: CallParser = function* (call) {
  check((yield* pastSpace()) === "[");
  for (let next = ","; next === ","; ) {
    yield* object(call);
    next = yield* pastSpace();
    check(next === "," || next === "]");
  }
};

/** Parses `f[ARGS]{…}`, with or without `[CALL_ID]…` before the arguments. */
export const namedCall: CallParser = function* (call) {
  let head = "";
  while (!head.endsWith(argumentsMark)) {
    head += yield "reading";
    check(head.length <= headLimit);
  }
  const name = head.slice(0, -argumentsMark.length).split("[CALL_ID]")[0]!.trim();
  check(/^[\w.-]+$/.test(name));
  call.emit({ kind: "call", name, to: call.to });
  const next = yield* jsonValue(yield "reading", (character) => call.stream(character));
  check(next === undefined);
  call.emit({ kind: "end" });
};

/** `{"name": …, "arguments": {…}}`, or `"parameters"`, in any order; arguments after a name are streamed. */
function* object(call: OpenCall): Parsing<void> {
  let name: string | undefined;
  let earlyArguments: string | undefined;
  let hasArguments = false;
  check((yield* pastSpace()) === "{");
  let next = yield* pastSpace();
  while (next !== "}") {
    check(next === '"');
    const key = String(parseJson(yield* collected(next)));
    const isArguments = argumentKeys.has(key);
    check(!(isArguments && hasArguments));
    hasArguments ||= isArguments;
    check((yield* pastSpace()) === ":");

    const first = yield* pastSpace();
    let text = "";
    const isStreamed = isArguments && first === "{" && name !== undefined;
    const lookahead = yield* jsonValue(first, (character) => {
      if (isStreamed) call.stream(character);
      else text += character;
    });
    const to = lookahead === undefined ? call.to : call.to - 1;
    if (key === "name") {
      const value = parseJson(text);
      check(typeof value === "string" && value !== "" && name === undefined);
      name = value;
      call.emit({ kind: "call", name, to });
      if (earlyArguments !== undefined) call.emit({ kind: "decoded", text: earlyArguments, to });
    } else if (isArguments && !isStreamed) {
      const decoded = toArguments(parseJson(text), text);
      check(decoded !== undefined);
      if (name === undefined) earlyArguments = decoded;
      else call.emit({ kind: "decoded", text: decoded, to });
    }

    next = yield* pastSpace(lookahead);
    check(next === "," || next === "}");
    if (next === ",") {
      next = yield* pastSpace();
      check(next === '"');
    }
  }
  check(name !== undefined);
  if (!hasArguments) call.emit({ kind: "decoded", text: "{}", to: call.to });
  call.emit({ kind: "end" });
}

/** Passes on the characters of an unvalidated JSON value, with `first`; returns the one after a scalar. */
function* jsonValue(first: string, take: (character: string) => void): Parsing<string | undefined> {
  if (/[-0-9tfn]/.test(first)) {
    let character = first;
    for (; /[-+.0-9a-zE]/.test(character); character = yield "reading") take(character);
    check(/[\s,\]}]/.test(character));
    return character;
  }
  let open = "";
  for (let character = first; ; character = yield "reading") {
    if (character === "{" || character === "[") open += character;
    else if (character === "}" || character === "]") {
      check(open.at(-1) === (character === "}" ? "{" : "["));
      open = open.slice(0, -1);
    } else check(open !== "" || character === '"');
    take(character);
    if (character === '"') yield* restOfString(take);
    if (open === "") return undefined;
  }
}

function* restOfString(take: (character: string) => void): Parsing<void> {
  for (let isEscaped = false; ; ) {
    const character = yield "reading";
    take(character);
    if (character === '"' && !isEscaped) return;
    isEscaped = character === "\\" && !isEscaped;
  }
}

/** The text of a string that begins with `quote`. */
function* collected(quote: string): Parsing<string> {
  let text = quote;
  yield* restOfString((character) => {
    text += character;
  });
  return text;
}

/** The next character that is no white space; `first`, if given, is read already. */
function* pastSpace(first?: string): Parsing<string> {
  let character = first ?? (yield "reading");
  while (isSpace(character)) character = yield "reading";
  return character;
}

/** JSON's white space. */
const isSpace = (character: string): boolean => /[ \n\t\r]/.test(character);

/** Some models write the arguments as a string of JSON, or `null` for none. */
function toArguments(value: unknown, text: string): string | undefined {
  if (value === null) return "{}";
  if (typeof value === "string") return isJsonObject(parseJson(value)) ? value : undefined;
  return isJsonObject(value) ? text : undefined;
}

const argumentKeys: ReadonlySet<string> = new Set(["arguments", "parameters"]);
const argumentsMark = "[ARGS]";
/** Names have at most 64 characters, ids fewer. */
const headLimit = 256;
