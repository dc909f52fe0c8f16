import { Template } from "@huggingface/jinja";
import { GgufError, type Metadata } from "../gguf/header.ts";
import { arrangements } from "./arrangements.ts";
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

/**
 * Makes `value.items()` and the like call the method, as in Python, even if the value has such a key (such as
 * a parameter called `items`). Filters ignore keys, so each call becomes one. Modifies the tree.
 */
export function callMethodsFirst(program: Template["parsed"]): void {
  const left: unknown[] = [program];
  for (let value = left.pop(); value !== undefined; value = left.pop()) {
    if (typeof value !== "object" || value === null) continue;
    if (isMethodCall(value)) becomeFilter(value);
    for (const inner of Object.values(value)) left.push(inner);
  }
}

/** Methods of Python's dictionaries that this engine supports. */
const methods: ReadonlySet<string> = new Set(["get", "items", "keys", "values"]);

/** `object.property(…args)`, as the parser has it. */
interface MethodCall {
  type: string;
  callee?: { type: string; computed: boolean; object: unknown; property: { type: string; value: string } };
  args?: unknown[];
}

function isMethodCall(value: object): value is Required<MethodCall> {
  const { type, callee } = value as MethodCall;
  return (
    type === "CallExpression" &&
    callee?.type === "MemberExpression" &&
    !callee.computed &&
    methods.has(callee.property.value)
  );
}

function becomeFilter(call: Required<MethodCall>): void {
  const { callee, args } = call;
  delete (call as MethodCall).callee;
  delete (call as MethodCall).args;
  Object.assign(call, {
    type: "FilterExpression",
    operand: callee.object,
    filter: { type: "CallExpression", callee: callee.property, args },
  });
}
