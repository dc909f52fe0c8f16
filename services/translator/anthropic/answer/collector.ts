import type {
  Finished,
  GenerationEvent,
  ToolCallDelta,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { JsonObject } from "../../http/json-body.ts";
import type { MessagesRequest } from "../request/index.ts";
import {
  type ContentBlock,
  type MessageHead,
  toMessage,
  toStopReason,
  toTextBlock,
  toThinkingBlock,
  toToolUseBlock,
} from "./wire.ts";

type Block =
  | { readonly kind: "text" | "thinking"; text: string }
  | { readonly kind: "call"; readonly id: string; readonly name: string; text: string };

/** Collects an answer into a message, its blocks in order. */
export class MessageCollector {
  readonly #request: MessagesRequest;
  readonly #blocks: Block[] = [];
  readonly #calls: Block[] = [];
  #finished: Finished | undefined;

  constructor(request: MessagesRequest) {
    this.#request = request;
  }

  accept({ event }: GenerationEvent): undefined {
    if (event.case === "finished") this.#finished = event.value;
    if (event.case !== "delta") return;
    const { reasoning, text, toolCalls } = event.value;
    if (reasoning !== "" && this.#request.showsThinking) this.#append("thinking", reasoning);
    if (text !== "") this.#append("text", text);
    for (const piece of toolCalls) this.#appendCall(piece);
  }

  /** The message as JSON text, after the end of the answer. */
  toJson(head: MessageHead): string {
    const finished = this.#finished!;
    const end = toStopReason(finished, this.#request.maxTokens);
    return JSON.stringify(toMessage(head, this.#blocks.map(toBlock), end, finished.usage));
  }

  #append(kind: "text" | "thinking", text: string): void {
    const last = this.#blocks.at(-1);
    if (last?.kind === kind) last.text += text;
    else this.#blocks.push({ kind, text });
  }

  #appendCall({ index, id, name, argumentsJson }: ToolCallDelta): void {
    const call = this.#calls[index];
    if (call !== undefined) {
      call.text += argumentsJson;
      return;
    }
    const block: Block = { kind: "call", id, name, text: argumentsJson };
    this.#calls.push(block);
    this.#blocks.push(block);
  }
}

function toBlock(block: Block): ContentBlock {
  switch (block.kind) {
    case "text":
      return toTextBlock(block.text);
    case "thinking":
      return toThinkingBlock(block.text);
    case "call":
      return toToolUseBlock(block.id, block.name, parseInput(block.text));
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
