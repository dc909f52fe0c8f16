import { Template } from "@huggingface/jinja";
import { GgufError, type Metadata } from "../gguf/header.ts";
import { arrangements } from "./arrangements.ts";
import { callMethodsFirst } from "./method-calls.ts";
import type { Turn, TurnTool } from "./turns.ts";

/** What a template renders. */
export interface Conversation {
  readonly turns: readonly Turn[];
  readonly tools: readonly TurnTool[];
  /** Other variables of the template, such as `enable_thinking`. */
  readonly variables: Readonly<Record<string, unknown>>;
}

/** A model's chat template. */
export class ChatTemplate {
  /** Source of the template; of both, if tools have one of their own. */
  readonly source: string;
  /** Whether it renders tools. */
  readonly showsTools: boolean;
  readonly #plain: Template;
  readonly #withTools: Template;
  readonly #constants: Readonly<Record<string, string>>;

  /** Throws `GgufError` when the template is invalid. `constants`: the model's special tokens. */
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

  /** The prompt, up to where the answer begins. Throws when the template rejects every arrangement. */
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

/** For models without a template: the most common format. */
const chatMl = `{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}{% endfor %}{{ '<|im_start|>assistant\n' }}`;
