import { Template } from "@huggingface/jinja";
import { GgufError } from "../gguf/header.ts";
import type { Metadata } from "../gguf/metadata.ts";
import { arrangements } from "./arrangements.ts";
import { callMethodsFirst } from "./method-calls.ts";
import type { Turn, TurnTool } from "./turns.ts";

/** What a prompt is made of. */
export interface Conversation {
  readonly turns: readonly Turn[];
  readonly tools: readonly TurnTool[];
  /** Further variables that the template may know, such as `enable_thinking`. */
  readonly variables: Readonly<Record<string, unknown>>;
}

/** A model's chat template. */
export class ChatTemplate {
  /** The text of the template, or of both where there is one for tools. */
  readonly source: string;
  /** Whether tools show in what it renders. */
  readonly showsTools: boolean;
  readonly #plain: Template;
  readonly #withTools: Template;
  readonly #constants: Readonly<Record<string, string>>;

  /** Throws `GgufError` when the template cannot be understood. `constants`: the model's own tokens. */
  constructor(metadata: Metadata, constants: { readonly bos_token: string; readonly eos_token: string }) {
    const plain = metadata.text("tokenizer.chat_template") ?? chatMl;
    const withTools = metadata.text("tokenizer.chat_template.tool_use") ?? plain;
    this.source = plain === withTools ? plain : `${plain}\n${withTools}`;
    this.#constants = constants;
    try {
      this.#plain = new Template(plain);
      this.#withTools = plain === withTools ? this.#plain : new Template(withTools);
      for (const { parsed } of new Set([this.#plain, this.#withTools])) callMethodsFirst(parsed);
      this.render({ turns: [{ role: "user", content: "Hi" }], tools: [], variables: {} });
    } catch (error) {
      throw new GgufError("has a chat template that cannot be understood", { cause: error });
    }
    this.showsTools = this.#probeTools();
  }

  /** The prompt's text, up to where the answer begins. Throws when the template refuses every arrangement. */
  render(conversation: Conversation): string {
    let refusal: unknown;
    for (const arrange of arrangements)
      try {
        return this.#renderTurns(conversation, arrange(conversation.turns));
      } catch (error) {
        refusal ??= error;
      }
    throw refusal;
  }

  #renderTurns({ tools, variables }: Conversation, turns: readonly Turn[]): string {
    const template = tools.length === 0 ? this.#plain : this.#withTools;
    return template.render({
      ...variables,
      ...this.#constants,
      messages: turns,
      tools: tools.length === 0 ? null : tools,
      documents: null,
      add_generation_prompt: true,
    });
  }

  #probeTools(): boolean {
    const name = "probe_of_tools";
    const parameters = { type: "object", properties: { q: { type: "string" } }, required: ["q"] };
    const tools = [{ type: "function", function: { name, description: "Looks.", parameters } }] as const;
    try {
      return this.render({ turns: [{ role: "user", content: "Hi" }], tools, variables: {} }).includes(name);
    } catch {
      return false;
    }
  }
}

/** For models that bring no template: the most common form. */
const chatMl = `{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}{% endfor %}{{ '<|im_start|>assistant\n' }}`;
