import type { Generation } from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ServerTraits } from "../../../servers/kinds.ts";
import { callableTools } from "./forms.ts";

/** The text of an answer that another node started. */
export interface PartialAnswer {
  /** The text sent to continue. */
  readonly sent: string;
  /** The end of the text that the server writes again; not shown twice. */
  readonly again: string;
  /** A llama.cpp grammar that enforces that, if supported. */
  readonly grammar: string | undefined;
}

/**
 * The answer so far; undefined when it starts here. Models derail after tokens that they would never write: a
 * bare space, half a word. So where a grammar can enforce it, the server writes the last word again;
 * elsewhere a single space at the end, or all white space where it would get lost.
 */
export function readPartialAnswer(
  generation: Generation,
  { continuing }: Pick<ServerTraits, "continuing">,
): PartialAnswer | undefined {
  const text = generation.resume?.text ?? "";
  if (text === "") return undefined;
  // llama-server makes a grammar of tools itself, and accepts only one.
  const isHeld = continuing.takesGrammar && callableTools(generation).length === 0;
  const trims = generation.rawPrompt === undefined && continuing.trims;
  const again = (isHeld ? lastWord : trims ? lastSpaces : lastSpace).exec(text.slice(-lookBack))?.[0] ?? "";
  const sent = text.slice(0, text.length - again.length);
  if (again === "" || sent === "") return { sent: text, again: "", grammar: undefined };
  return { sent, again, grammar: isHeld ? beginningWith(again) : undefined };
}

/** The characters that are searched for the end: patterns are slow on endless space. */
const lookBack = 64;
/** The last word with surrounding space; of long ones, or scripts without spaces, the last characters. */
const lastWord = /\s*\S{1,16}\s*$/u;
const lastSpaces = /\s+$/u;
const lastSpace = /(?<=\S) $/u;

const beginningWith = (text: string): string =>
  `root ::= "${text.replace(/["\\]|\p{Cc}/gu, escaped)}" [^\\x00]*`;

const escaped = (character: string): string =>
  /\p{Cc}/u.test(character)
    ? `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`
    : `\\${character}`;
