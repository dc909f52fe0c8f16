import { isObject } from "../gbnf/index.ts";
import type { CallableTool } from "../tools/tool-use.ts";
import { type TextTurn, type Turn, withInstruction } from "./turns.ts";

/**
 * Forces a call where a server ignores `tool_choice` but enforces schemas: the functions are described in
 * words, and the answer's text is read as a call. It is the arguments of the only function, or `{"name": …,
 * "parameters": {…}}` (alphabetical, as newer Ollama enforces).
 */
export interface ForcedCall {
  readonly schema: unknown;
  /** Adds the description of the functions. */
  instruct<T extends Turn>(messages: readonly T[]): (T | TextTurn<"system">)[];
  /** Reads the answer's text as it arrives. */
  reader(): ForcedCallReader;
}

/** A piece of a call; only the first has the name. */
interface CallPiece {
  readonly name: string;
  readonly argumentsJson: string;
}

export function forceCall(tools: readonly CallableTool[]): ForcedCall {
  const [only, ...others] = tools;
  const schema = others.length === 0 ? withoutRootReferences(argumentsSchema(only!)) : callSchema(tools);
  return {
    schema,
    instruct: (messages) => withInstruction(messages, instruction(tools)),
    reader: () => new ForcedCallReader(others.length === 0 ? only!.name : undefined),
  };
}

/** The schema of a tool's arguments: an object, even where the schema leaves that out. */
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

/** A schema with its internal references moved, such as to `#/$defs/call0`. */
function moveReferences(schema: unknown, to: string): unknown {
  if (Array.isArray(schema)) return schema.map((item) => moveReferences(item, to));
  if (!isObject(schema)) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [
      key,
      key === "$ref" && typeof value === "string" && value.startsWith("#")
        ? to + value.slice(1)
        : moveReferences(value, to),
    ]),
  );
}

/** The same schema without `$ref: "#"`, which llama.cpp does not support: the root becomes a definition. */
export function withoutRootReferences(schema: unknown): unknown {
  if (!refersToRoot(schema)) return schema;
  return { $ref: "#/$defs/root", $defs: { root: moveReferences(schema, "#/$defs/root") } };
}

const refersToRoot = (schema: unknown): boolean =>
  Array.isArray(schema)
    ? schema.some(refersToRoot)
    : isObject(schema) && (schema.$ref === "#" || Object.values(schema).some(refersToRoot));

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

export class ForcedCallReader {
  readonly #isFramed: boolean;
  #name: string | undefined;
  #hasStarted = false;
  /** Text that may belong to the frame: before the arguments, and a brace that may close it. */
  #held = "";

  /** `name`: the only function; undefined when the text names it. */
  constructor(name: string | undefined) {
    this.#name = name;
    this.#isFramed = name === undefined;
  }

  get name(): string | undefined {
    return this.#name;
  }

  /** The piece of the call in more text; undefined when there is none yet. */
  push(text: string): CallPiece | undefined {
    const argumentsJson = this.#isFramed ? this.#unframe(text) : text;
    if (argumentsJson === "" || this.#name === undefined) return undefined;
    const name = this.#hasStarted ? "" : this.#name;
    this.#hasStarted = true;
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
