/**
 * A stream without what depends on how busy the mesh is: neighbouring pieces of text are joined, numbers that count
 * events are named where they do count, and of several choices one stands after the other.
 */
export function joinEvents(stream: string): string {
  const events = nameSequence(stream.split(/(?<=\n\n)/));
  const choiceOf = (event: string) =>
    /"choices":\[\{(?:"text":"(?:[^"\\]|\\.)*",)?"index":(\d+)/.exec(event)?.[1];
  const byChoice = events
    .map((event, at) => ({ event, choice: Number(choiceOf(event) ?? Number.POSITIVE_INFINITY), at }))
    .sort((first, second) =>
      first.choice === second.choice ? first.at - second.at : first.choice - second.choice,
    )
    .map(({ event }) => event);
  const joined: string[] = [];
  for (const event of byChoice) {
    const both = join(joined.at(-1), event);
    if (both === undefined) joined.push(event);
    else joined[joined.length - 1] = both;
  }
  return joined.join("");
}

/** Joining pieces takes numbers away, so a number that is right, one more than the last, is named instead. */
const nameSequence = (events: readonly string[]): string[] =>
  events.map((event, at) => event.replace(`"sequence_number":${at},`, '"sequence_number":<next>,'));

const text = String.raw`((?:[^"\\]|\\.)*)`;
const chunk = String.raw`data: \{[^\n]*"choices":\[\{`;
const afterDelta = String.raw`,"logprobs":null,"finish_reason":null\}[^\n]*\n\n`;

/** Events of nothing but text, in each surface's form: fixed parts and texts in turn, a fixed part first and last. */
const pieces = [
  // Chat: an answer, a call's arguments, thoughts under both of their names.
  `(${chunk}"index":\\d+,"delta":\\{(?:"content":|"tool_calls":\\[\\{"index":\\d+,"function":\\{"arguments":|"function_call":\\{"arguments":)")${text}("(?:\\}|\\}\\}\\]\\}|\\}\\})${afterDelta})`,
  `(${chunk}"index":\\d+,"delta":\\{"reasoning":")${text}(","reasoning_content":")${text}("\\}${afterDelta})`,
  // Legacy completions.
  `(${chunk}"text":")${text}(","index":\\d+${afterDelta})`,
  // Responses: any text of an item.
  `(event: response\\.\\w+\\.delta\\ndata: \\{[^\\n]*"delta":")${text}("(?:,"logprobs":\\[\\])?\\}\\n\\n)`,
  // Messages: any text of a block.
  `(event: content_block_delta\\ndata: \\{[^\\n]*"delta":\\{"type":"\\w+","\\w+":")${text}("\\}\\}\\n\\n)`,
].map((pattern) => new RegExp(`^${pattern}$`));

function join(event: string | undefined, next: string): string | undefined {
  for (const piece of pieces) {
    const [, ...first] = piece.exec(event ?? "") ?? [];
    const [, ...second] = piece.exec(next) ?? [];
    const isFixed = (_: string, index: number) => index % 2 === 0;
    if (first.length === 0 || first.filter(isFixed).join("\n") !== second.filter(isFixed).join("\n"))
      continue;
    return first.map((part, index) => (isFixed(part, index) ? part : part + second[index])).join("");
  }
  return joinLikelihoods(event ?? "", next);
}

/** Two chunks of text that report log probabilities: the lists of the second come behind those of the first. */
function joinLikelihoods(event: string, next: string): string | undefined {
  const [first, second] = [readLikelihoods(event), readLikelihoods(next)];
  if (first === undefined || second === undefined || first.frame !== second.frame) return undefined;
  const lists = first.lists.map((list, index) => [...list, ...(second.lists[index] ?? [])]);
  let index = 0;
  const filled = first.frame.replace('"<text>"', () => JSON.stringify(first.text + second.text));
  return writeMarks(filled.replaceAll("[]", () => JSON.stringify(lists[index++])));
}

/** The text and the lists of such a chunk, and what is around them. */
function readLikelihoods(event: string) {
  const [, json] =
    /^data: (\{[^\n]*"logprobs":\{[^\n]*"finish_reason":null[^\n]*\})\n\n$/.exec(readMarks(event)) ?? [];
  if (json === undefined) return undefined;
  const lists: unknown[][] = [];
  let text = "";
  const frame = JSON.stringify(JSON.parse(json), (key, value: unknown) => {
    if (key === "text" || key === "content") {
      if (typeof value === "string") {
        text = value;
        return "<text>";
      }
    }
    if (!Array.isArray(value) || key === "choices") return value;
    lists.push(value);
    return [];
  });
  return { frame: `data: ${frame}\n\n`, text, lists };
}

/** Placeholders of numbers stand without quotation marks, which JSON does not know. */
const readMarks = (event: string): string => event.replaceAll(/(?<=[:[,])<([^<>"]*)>/g, '"‹$1›"');
const writeMarks = (event: string): string => event.replaceAll(/"‹([^›]*)›"/g, "<$1>");
