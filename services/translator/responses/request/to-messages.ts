import { create } from "@bufbuild/protobuf";
import {
  type Message,
  MessageSchema,
  type Part,
  Role,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { shorten, wrongImage, wrongMeaning, wrongValue } from "../../errors/param-faults.ts";
import { parseImage, type RemoteImage } from "../../images/parse-image.ts";
import { addText, toImagePart, toTextPart, toToolCall } from "../../requests/messages.ts";
import type {
  FunctionCall,
  FunctionCallOutput,
  InputMessage,
  Item,
  OutputMessage,
  ReasoningItem,
} from "../items.ts";

/** The parts of a conversation, in order. */
export interface ConversationParts {
  /** The system message; empty for none. Not carried over from earlier responses. */
  readonly instructions: string;
  /** Input and output of the responses that this one continues. */
  readonly history: readonly Item[];
  readonly input: readonly Item[];
  /** Collects images by URL; undefined: they are rejected. */
  readonly remote?: RemoteImage[] | undefined;
}

/**
 * Translates the conversation. Adjacent reasoning, text and calls of the model are one turn. Throws the first
 * inconsistency.
 */
export function toMessages({ instructions, history, input, remote }: ConversationParts): Message[] {
  const conversation = new Conversation(remote);
  if (instructions !== "") conversation.push(Role.SYSTEM, [toTextPart(instructions)]);
  for (const item of history) conversation.add(item, undefined);
  for (const [index, item] of input.entries()) conversation.add(item, `input[${index}]`);
  return conversation.end();
}

class Conversation {
  readonly #messages: Message[] = [];
  #turn: Message | undefined;
  /** Reasoning for the model's next turn. */
  #reasoning = "";
  /** The ids of calls, and whether each has its result. */
  readonly #answered = new Map<string, boolean>();
  readonly #remote: RemoteImage[] | undefined;

  constructor(remote: RemoteImage[] | undefined) {
    this.#remote = remote;
  }

  push(role: Role, parts: Part[], toolCallId = ""): void {
    this.#turn = undefined;
    // Reasoning without a following turn is dropped.
    this.#reasoning = "";
    this.#messages.push(create(MessageSchema, { role, parts, toolCallId }));
  }

  /** `path`: where the item is in the request; undefined for earlier items. */
  add(item: Item, path: string | undefined): void {
    switch (item.type) {
      case "message":
        if (item.role === "assistant") this.#addOutputMessage(item);
        else this.#addMessage(item, path);
        break;
      case "reasoning":
        this.#addReasoning(item);
        break;
      case "function_call":
        this.#addCall(item);
        break;
      case "function_call_output":
        this.#addResult(item);
    }
  }

  /** The messages. Throws when a call has no result: the model could not continue. */
  end(): Message[] {
    for (const [callId, answered] of this.#answered)
      if (!answered)
        throw wrongMeaning("input", `No tool output found for function call ${shorten(callId)}.`);
    return this.#messages;
  }

  #addMessage({ role, content }: InputMessage, path: string | undefined): void {
    const parts: Part[] = [];
    for (const [index, part] of content.entries()) {
      const partPath = path === undefined ? "previous_response_id" : `${path}.content[${index}]`;
      if (part.type === "input_text") addNonEmpty(parts, part.text);
      else if (role !== "user")
        throw wrongValue(
          partPath,
          `Invalid '${partPath}': images are only allowed in messages with role 'user'.`,
        );
      else {
        const toFault = wrongImage(path === undefined ? partPath : `${partPath}.image_url`);
        const image = parseImage(part.image_url, part.detail, toFault, this.#remote);
        parts.push(toImagePart(image));
      }
    }
    this.push(role === "user" ? Role.USER : Role.SYSTEM, parts);
  }

  #addOutputMessage({ content }: OutputMessage): void {
    const turn = this.#turn;
    // Text after text or after calls starts a new turn.
    if (turn !== undefined && (turn.parts.length > 0 || turn.toolCalls.length > 0)) this.#turn = undefined;
    const { parts } = this.#modelTurn();
    for (const part of content) addNonEmpty(parts, part.type === "refusal" ? part.refusal : part.text);
  }

  #addReasoning({ content, summary }: ReasoningItem): void {
    this.#turn = undefined;
    const parts = content?.length ? content : summary;
    this.#reasoning += parts.map(({ text }) => text).join("\n");
  }

  #addCall({ call_id: id, name, arguments: text }: FunctionCall): void {
    this.#answered.set(id, false);
    this.#modelTurn().toolCalls.push(toToolCall(id, name, text));
  }

  #addResult({ call_id: callId, output }: FunctionCallOutput): void {
    if (!this.#answered.has(callId))
      throw wrongMeaning(
        "input",
        `No tool call found for function call output with call_id ${shorten(callId)}.`,
      );
    this.#answered.set(callId, true);
    const text = typeof output === "string" ? output : output.map((part) => part.text).join("");
    this.push(Role.TOOL, text === "" ? [] : [toTextPart(text)], callId);
  }

  #modelTurn(): Message {
    if (this.#turn !== undefined) return this.#turn;
    const turn = create(MessageSchema, { role: Role.ASSISTANT, reasoning: this.#reasoning });
    this.#reasoning = "";
    this.#turn = turn;
    this.#messages.push(turn);
    return turn;
  }
}

const addNonEmpty = (parts: Part[], text: string): void => void (text !== "" && addText(parts, text));

/**
 * Drops the older half of the turns, but not the instructions; undefined when only one turn is left. Turns start with
 * the user, so calls stay together with their results.
 */
export function truncate(messages: readonly Message[]): Message[] | undefined {
  const starts = messages.flatMap(({ role }, index) => (startsTurn(messages, role, index) ? [index] : []));
  if (starts.length < 2) return undefined;
  const first = starts[Math.ceil(starts.length / 2)] ?? starts.at(-1)!;
  return messages.filter(({ role }, index) => role === Role.SYSTEM || index >= first);
}

const startsTurn = (messages: readonly Message[], role: Role, index: number): boolean =>
  role === Role.USER && messages[index - 1]?.role !== Role.USER;
