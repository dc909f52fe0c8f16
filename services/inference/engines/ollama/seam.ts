import type { OllamaMessage } from "./api.ts";

/** The text of an answer that is there already, as Ollama is told of it. */
export interface Seam {
  /** Without white space at its end. */
  readonly told: string;
  /** That white space. */
  readonly space: string;
}

/**
 * Cuts the text to go on from before the white space at its end. Some of Ollama's renderers do so themselves
 * (model/renderers/qwen35.go), and models go on badly behind a space, because in most vocabularies it belongs to the
 * word that follows. So the model writes it once more, and `WrittenAgain` takes it off.
 */
export function cutSeam(text: string): Seam {
  const told = text.trimEnd();
  return { told, space: text.slice(told.length) };
}

/**
 * The conversation with the text as its last turn, which Ollama leaves open. Of two turns of the assistant it would
 * make paragraphs of one (template/template.go, `collate`), or refuse them, so a turn that is open already grows.
 */
export function withOpenTurn(messages: readonly OllamaMessage[], told: string): OllamaMessage[] {
  if (told === "") return [...messages];
  const last = messages.at(-1);
  if (last?.role !== "assistant" || last.tool_calls !== undefined)
    return [...messages, { role: "assistant", content: told }];
  return [...messages.slice(0, -1), { ...last, content: last.content + told }];
}
