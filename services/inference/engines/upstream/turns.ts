/** A turn of a conversation, in a protocol's own form. */
export interface Turn {
  readonly role?: unknown;
  readonly content?: unknown;
  readonly tool_calls?: unknown;
}

/** A turn of text; an alias, to be assignable to JSON types. */
export type TextTurn<Role extends string> = { readonly role: Role; readonly content: string };

/** Adds an instruction to the system turn, of which templates accept one, at the beginning. */
export function withInstruction<T extends Turn>(
  turns: readonly T[],
  text: string,
): (T | TextTurn<"system">)[] {
  const [first, ...rest] = turns;
  return first?.role === "system" && typeof first.content === "string"
    ? [{ ...first, content: `${first.content}\n\n${text}` }, ...rest]
    : [{ role: "system", content: text }, ...turns];
}

/** Adds a partial answer as the assistant's open turn; llama-server takes only one, so an open one grows. */
export function withOpenTurn<T extends Turn>(
  turns: readonly T[],
  text: string,
): (T | TextTurn<"assistant">)[] {
  if (text === "") return [...turns];
  const last = turns.at(-1);
  if (last?.role !== "assistant" || typeof last.content !== "string" || last.tool_calls !== undefined)
    return [...turns, { role: "assistant", content: text }];
  return [...turns.slice(0, -1), { ...last, content: last.content + text }];
}
