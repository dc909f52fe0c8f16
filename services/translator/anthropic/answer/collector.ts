import type {
  Finished,
  GenerationEvent,
  ToolCallDelta,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { AnswerWriter } from "../../answers/read-answer.ts";
import type { JsonObject } from "../../http/json-body.ts";
import type { MessagesRequest } from "../request/index.ts";
import * as wire from "./wire.ts";

/** A block being collected: its text so far, and what that becomes. */
interface OpenBlock {
  readonly toBlock: (text: string) => wire.ContentBlock;
  text: string;
}

/** Collects an answer into a message, its blocks in order. */
export class MessageCollector implements AnswerWriter {
  readonly #request: MessagesRequest;
  readonly #blocks: OpenBlock[] = [];
  readonly #calls: OpenBlock[] = [];
  #finished: Finished | undefined;

  constructor(request: MessagesRequest) {
    this.#request = request;
  }

  accept({ event }: GenerationEvent): undefined {
    if (event.case === "finished") this.#finished = event.value;
    if (event.case !== "delta") return;
    const { reasoning, text, toolCalls } = event.value;
    if (reasoning !== "" && this.#request.showsThinking) this.#append(wire.toThinkingBlock, reasoning);
    if (text !== "") this.#append(wire.toTextBlock, text);
    for (const piece of toolCalls) this.#appendCall(piece);
  }

  /** The message as JSON text, after the end of the answer. */
  toJson(head: wire.MessageHead): string {
    const finished = this.#finished!;
    const blocks = this.#blocks.map(({ toBlock, text }) => toBlock(text));
    return JSON.stringify(
      wire.toMessage(head, blocks, wire.toStopReason(finished, this.#request.maxTokens), finished.usage),
    );
  }

  #append(toBlock: OpenBlock["toBlock"], text: string): void {
    const last = this.#blocks.at(-1);
    if (last?.toBlock === toBlock) last.text += text;
    else this.#blocks.push({ toBlock, text });
  }

  #appendCall({ index, id, name, argumentsJson }: ToolCallDelta): void {
    const call = this.#calls[index];
    if (call !== undefined) {
      call.text += argumentsJson;
      return;
    }
    const toBlock = (json: string) => wire.toToolUseBlock(id, name, parseInput(json));
    this.#blocks.push({ toBlock, text: argumentsJson });
    this.#calls.push(this.#blocks.at(-1)!);
  }
}

/** The input of a truncated call is not valid JSON; `stop_reason` shows the truncation. */
function parseInput(json: string): JsonObject {
  try {
    const input: unknown = JSON.parse(json);
    return typeof input === "object" && input !== null ? (input as JsonObject) : {};
  } catch {
    return {};
  }
}
