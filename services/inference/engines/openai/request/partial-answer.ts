import type { Generation } from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ServerTraits } from "../../../servers/kinds.ts";
import { callableTools } from "./forms.ts";

/** The text of an answer that another node began, as it is continued here. */
export interface PartialAnswer {
  /** What the server is given to continue. */
  readonly sent: string;
  /** The end of the text, which the server is to write once more; it is not shown again. */
  readonly again: string;
  /** What holds the server to that, as a grammar of llama.cpp's; undefined: nothing does. */
  readonly grammar: string | undefined;
}

/**
 * What of a generation's answer is there already; undefined when it starts here.
 *
 * A text that is cut need not come apart into the tokens that it was made of, and behind tokens that it would never write
 * a model loses its way: a bare space, half a word. So where a grammar can hold the server to it, the last word is left
 * to the server to be written once more, so that the new text starts where a token does. Elsewhere that goes for a
 * single space at the end, and for all white space where it would get lost.
 */
export function readPartialAnswer(
  generation: Generation,
  { continuing }: Pick<ServerTraits, "continuing">,
): PartialAnswer | undefined {
  const text = generation.resume?.text ?? "";
  if (text === "") return undefined;
  // Of tools llama-server makes a grammar itself, and takes no second one.
  const isHeld = continuing.takesGrammar && callableTools(generation).length === 0;
  const trims = generation.rawPrompt === undefined && continuing.trims;
  const again = (isHeld ? lastWord : trims ? lastSpaces : lastSpace).exec(text.slice(-lookBack))?.[0] ?? "";
  const sent = text.slice(0, text.length - again.length);
  if (again === "" || sent === "") return { sent: text, again: "", grammar: undefined };
  return { sent, again, grammar: isHeld ? beginningWith(again) : undefined };
}

/** How much of the text is looked at for its end, in characters: patterns take long over endless space. */
const lookBack = 64;
/** The last word with all space around it; of a long one, or of a script without spaces, the last characters. */
const lastWord = /\s*\S{1,16}\s*$/u;
const lastSpaces = /\s+$/u;
const lastSpace = /(?<=\S) $/u;

/** A grammar of any text that begins so. */
const beginningWith = (text: string): string =>
  `root ::= "${text.replace(/["\\]|\p{Cc}/gu, escaped)}" [^\\x00]*`;

const escaped = (character: string): string =>
  /\p{Cc}/u.test(character)
    ? `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`
    : `\\${character}`;
