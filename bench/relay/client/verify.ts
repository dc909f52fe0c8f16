import { textOf } from "../text.ts";
import { promptOf } from "../workload.ts";
import { parseResponse } from "./response.ts";

/** A response that is complete and exact. */
export interface Verified {
  /** SSE events that carried text; 1 for a whole answer. */
  readonly events: number;
}

/** What an answer's JSON holds, streamed or whole, as far as it is checked. */
interface Answer {
  readonly choices: readonly {
    readonly delta?: { readonly content?: string };
    readonly message?: { readonly content?: string };
    readonly finish_reason: string | null;
  }[];
}

/**
 * Checks a streamed answer: status 200, the exact text of its prompt, one finish reason, `[DONE]` last. Throws
 * with what is wrong.
 */
export function verifyStream(bytes: Buffer, stream: number, tokens: number): Verified {
  const { status, body } = parseResponse(bytes);
  if (status !== 200) throw new Error(`status ${status}: ${body.slice(0, 200)}`);
  const events = body.split("\n\n").filter((event) => event.startsWith("data:"));
  if (events.pop() !== "data: [DONE]") throw new Error("the last event is not [DONE]");
  let text = "";
  let textEvents = 0;
  const finishReasons: string[] = [];
  for (const event of events) {
    const choice = (JSON.parse(event.slice(5)) as Answer).choices[0];
    if (choice?.delta?.content) {
      text += choice.delta.content;
      textEvents += 1;
    }
    if (choice?.finish_reason) finishReasons.push(choice.finish_reason);
  }
  checkEnd(text, finishReasons, stream, tokens);
  return { events: textEvents };
}

/** Checks a whole answer in the same way. */
export function verifyWhole(bytes: Buffer, stream: number, tokens: number): Verified {
  const { status, body } = parseResponse(bytes);
  if (status !== 200) throw new Error(`status ${status}: ${body.slice(0, 200)}`);
  const choice = (JSON.parse(body) as Answer).choices[0];
  checkEnd(choice?.message?.content ?? "", [choice?.finish_reason ?? ""], stream, tokens);
  return { events: 1 };
}

function checkEnd(text: string, finishReasons: readonly string[], stream: number, tokens: number): void {
  if (finishReasons.join() !== "length") throw new Error(`finish reasons [${finishReasons}]`);
  const wanted = textOf(promptOf(stream), tokens);
  if (text !== wanted)
    throw new Error(
      `text differs: ${text.length} characters, ${wanted.length} expected, "${text.slice(0, 60)}"`,
    );
}
