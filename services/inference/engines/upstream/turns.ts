/** A turn of a conversation, in a protocol's own form. */
export interface Turn {
  readonly role?: unknown;
  readonly content?: unknown;
  readonly tool_calls?: unknown;
}

/** A turn of text alone; an alias, so that it fits into types of any JSON. */
export type TextTurn<Role extends string> = { readonly role: Role; readonly content: string };

/** The turns with an instruction as the system's. Templates want one system turn at most, at the beginning. */
export function withInstruction<T extends Turn>(
  turns: readonly T[],
  text: string,
): (T | TextTurn<"system">)[] {
  const [first, ...rest] = turns;
  return first?.role === "system" && typeof first.content === "string"
    ? [{ ...first, content: `${first.content}\n\n${text}` }, ...rest]
    : [{ role: "system", content: text }, ...turns];
}

/**
 * The turns with the text of a partial answer as the assistant's at the end, which upstreams leave open. A turn of the
 * assistant's that is open already grows: llama-server takes no two of them, and Ollama would make paragraphs of one
 * (template/template.go, `collate`).
 */
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
