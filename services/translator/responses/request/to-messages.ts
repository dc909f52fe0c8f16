import { create } from "@bufbuild/protobuf";
import {
  type Message,
  MessageSchema,
  type Part,
  Role,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { wrongImage, wrongValue } from "../../errors/param-faults.ts";
import { parseImage } from "../../images/parse-image.ts";
import type { RemoteImages } from "../../images/remote-images.ts";
import { addText, toImagePart, toTextPart, toToolCall } from "../../requests/messages.ts";
import { missingOutput, orphanOutput } from "../faults.ts";
import type {
  FunctionCall,
  FunctionCallOutput,
  InputMessage,
  Item,
  OutputMessage,
  ReasoningItem,
} from "../items.ts";

/** What a conversation consists of. */
export interface ConversationParts {
  /** Said before everything else; empty for nothing. Those of earlier responses are not carried over. */
  readonly instructions: string;
  /** What the response that this one continues was made of and what it said. */
  readonly history: readonly Item[];
  /** What the request adds. */
  readonly input: readonly Item[];
  /** Takes the images that are named by their address; undefined: they are refused. */
  readonly remote?: RemoteImages | undefined;
}

/**
 * The conversation as the mesh has it. Reasoning, text and calls of the model that follow each other are one turn.
 * Throws the first thing that does not add up.
 */
export function toMessages({ instructions, history, input, remote }: ConversationParts): Message[] {
  const conversation = new Conversation(remote);
  if (instructions !== "") conversation.say(Role.SYSTEM, [toTextPart(instructions)]);
  for (const item of history) conversation.add(item, undefined);
  for (const [index, item] of input.entries()) conversation.add(item, `input[${index}]`);
  return conversation.end();
}

class Conversation {
  readonly #messages: Message[] = [];
  /** The model's turn, while it may go on. */
  #turn: Message | undefined;
  /** The model's reasoning before the turn that comes next. */
  #reasoning = "";
  /** The calls so far, and whether their results have come. */
  readonly #answered = new Map<string, boolean>();
  readonly #remote: RemoteImages | undefined;

  constructor(remote: RemoteImages | undefined) {
    this.#remote = remote;
  }

  say(role: Role, parts: Part[], toolCallId = ""): void {
    this.#turn = undefined;
    // Reasoning that led to nothing is not repeated.
    this.#reasoning = "";
    this.#messages.push(create(MessageSchema, { role, parts, toolCallId }));
  }

  /** `path` is where the request has it; undefined for what it continues. */
  add(item: Item, path: string | undefined): void {
    switch (item.type) {
      case "message":
        if (item.role === "assistant") this.#addOwnWords(item);
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

  /** All of it. Throws when a call has no result, for then the model cannot go on. */
  end(): Message[] {
    for (const [callId, answered] of this.#answered) if (!answered) throw missingOutput(callId);
    return this.#messages;
  }

  #addMessage({ role, content }: InputMessage, path: string | undefined): void {
    const parts: Part[] = [];
    for (const [index, part] of content.entries()) {
      const partPath = path === undefined ? "previous_response_id" : `${path}.content[${index}]`;
      if (part.type === "input_text") addSaid(parts, part.text);
      else if (role !== "user")
        throw wrongValue(
          partPath,
          `Invalid '${partPath}': pictures are only allowed in messages with role 'user'.`,
        );
      else {
        const toFault = wrongImage(path === undefined ? partPath : `${partPath}.image_url`);
        const image = parseImage(part.image_url, part.detail, toFault, this.#remote);
        parts.push(toImagePart(image));
      }
    }
    this.say(role === "user" ? Role.USER : Role.SYSTEM, parts);
  }

  #addOwnWords({ content }: OutputMessage): void {
    const turn = this.#turn;
    // Words after words, or after calls, begin another turn.
    if (turn !== undefined && (turn.parts.length > 0 || turn.toolCalls.length > 0)) this.#turn = undefined;
    const { parts } = this.#ownTurn();
    for (const part of content) addSaid(parts, part.type === "refusal" ? part.refusal : part.text);
  }

  #addReasoning({ content, summary }: ReasoningItem): void {
    this.#turn = undefined;
    const parts = content?.length ? content : summary;
    this.#reasoning += parts.map(({ text }) => text).join("\n");
  }

  #addCall({ call_id: id, name, arguments: text }: FunctionCall): void {
    this.#answered.set(id, false);
    this.#ownTurn().toolCalls.push(toToolCall(id, name, text));
  }

  #addResult({ call_id: callId, output }: FunctionCallOutput): void {
    if (!this.#answered.has(callId)) throw orphanOutput(callId);
    this.#answered.set(callId, true);
    const text = typeof output === "string" ? output : output.map((part) => part.text).join("");
    this.say(Role.TOOL, text === "" ? [] : [toTextPart(text)], callId);
  }

  #ownTurn(): Message {
    if (this.#turn !== undefined) return this.#turn;
    const turn = create(MessageSchema, { role: Role.ASSISTANT, reasoning: this.#reasoning });
    this.#reasoning = "";
    this.#turn = turn;
    this.#messages.push(turn);
    return turn;
  }
}

/** A text that is empty is no part of a message. */
const addSaid = (parts: Part[], text: string): void => void (text !== "" && addText(parts, text));

/**
 * A conversation without the older half of its turns, instructions excepted; undefined when there is only one turn
 * left. A turn begins with what the user says and ends before the user speaks again, so calls stay together with
 * their results.
 */
export function truncate(messages: readonly Message[]): Message[] | undefined {
  const starts = messages.flatMap(({ role }, index) => (startsTurn(messages, role, index) ? [index] : []));
  if (starts.length < 2) return undefined;
  const first = starts[Math.ceil(starts.length / 2)] ?? starts.at(-1)!;
  return messages.filter(({ role }, index) => role === Role.SYSTEM || index >= first);
}

const startsTurn = (messages: readonly Message[], role: Role, index: number): boolean =>
  role === Role.USER && messages[index - 1]?.role !== Role.USER;
