import { isObject } from "../gbnf/index.ts";
import type { CallableTool } from "../tools/tool-use.ts";
import { moveReferences, withoutRootReferences } from "./references.ts";
import { type TextTurn, type Turn, withInstruction } from "./turns.ts";

/**
 * How a call is forced where a server knows no `tool_choice`, or does not keep to it, but holds an answer to a schema.
 * The functions are described to the model in words, the schema is that of a call, and the answer's text is read as one. Of one
 * function the text is just the arguments; of several it is `{"name": …, "parameters": {…}}` (keys in alphabetical
 * order, for that is the order in which newer versions of Ollama ask for them).
 */
export interface ForcedCall {
  readonly schema: unknown;
  /** The conversation with the functions explained. */
  instruct<T extends Turn>(messages: readonly T[]): (T | TextTurn<"system">)[];
  /** Reads the text of an answer as it comes. */
  reader(): ForcedCallReader;
}

/** A piece of a call; its name is in the first piece alone. */
export interface CallPiece {
  readonly name: string;
  readonly argumentsJson: string;
}

/** Forces a call of one of these. */
export function forceCall(tools: readonly CallableTool[]): ForcedCall {
  const [only, ...others] = tools;
  const schema = others.length === 0 ? withoutRootReferences(argumentsSchema(only!)) : callSchema(tools);
  return {
    schema,
    instruct: (messages) => withInstruction(messages, instruction(tools)),
    reader: () => new ForcedCallReader(others.length === 0 ? only!.name : undefined),
  };
}

/** Arguments are an object, also where the schema leaves that out; without a schema an empty one. */
export function argumentsSchema({ parameters }: CallableTool): object {
  if (!isObject(parameters)) return { type: "object", properties: {}, additionalProperties: false };
  return { ...parameters, type: "object" };
}

const callSchema = (tools: readonly CallableTool[]): object => ({
  anyOf: tools.map(({ name }, index) => ({
    type: "object",
    properties: { name: { const: name }, parameters: { $ref: `#/$defs/call${index}` } },
    required: ["name", "parameters"],
    additionalProperties: false,
  })),
  $defs: Object.fromEntries(
    tools.map((tool, index) => [
      `call${index}`,
      moveReferences(argumentsSchema(tool), `#/$defs/call${index}`),
    ]),
  ),
});

function instruction(tools: readonly CallableTool[]): string {
  const described = tools.map(
    (tool) =>
      `- ${tool.name}${tool.description === "" ? "" : `: ${tool.description}`}\n  Parameters (JSON schema): ${JSON.stringify(argumentsSchema(tool))}`,
  );
  const form =
    tools.length === 1
      ? `Call the function ${tools[0]!.name} now. Answer with the JSON object of its parameters and nothing else.`
      : 'Call one of these functions now. Answer with a JSON object {"name": function, "parameters": {...}} and nothing else.';
  return `You can call functions:\n${described.join("\n")}\n${form}`;
}

/** Reads the text of an answer that is a call. */
export class ForcedCallReader {
  readonly #isFramed: boolean;
  #name: string | undefined;
  #hasBegun = false;
  /** Text that may still belong to the frame: what comes before the arguments, and a brace that may close it. */
  #held = "";

  /** `name`: the one function; undefined: the text tells which. */
  constructor(name: string | undefined) {
    this.#name = name;
    this.#isFramed = name === undefined;
  }

  /** The function; undefined until it is known. */
  get name(): string | undefined {
    return this.#name;
  }

  /** Takes more text and returns the piece of the call in it; undefined when there is none yet. */
  push(text: string): CallPiece | undefined {
    const argumentsJson = this.#isFramed ? this.#unframe(text) : text;
    if (argumentsJson === "" || this.#name === undefined) return undefined;
    const name = this.#hasBegun ? "" : this.#name;
    this.#hasBegun = true;
    return { name, argumentsJson };
  }

  #unframe(text: string): string {
    this.#held += text;
    if (this.#name === undefined) {
      const head = frame.exec(this.#held);
      if (head === null) return "";
      this.#name = JSON.parse(head[1]!) as string;
      this.#held = this.#held.slice(head[0].length);
    }
    const inside = this.#held.search(/\s*\}?\s*$/);
    const found = this.#held.slice(0, inside);
    this.#held = this.#held.slice(inside);
    return found;
  }
}

const frame = /^\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"parameters"\s*:\s*(?=\{)/;
