import { plainTextOf } from "../../../../core/relay/encoded-event.ts";
import type {
  Delta,
  Finished,
  GenerationEvent,
  ToolCallDelta,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { EventEncoder } from "../../answers/generation-route.ts";
import { escapeJson, quoteJson } from "../../answers/wire.ts";
import type { MessagesRequest } from "../request/index.ts";
import * as wire from "./wire.ts";

/** A stream event; its data repeats the name. */
export const toEvent = (name: string, json: string): string => `event: ${name}\ndata: ${json}\n\n`;

/** Shows that the stream is alive; clients skip it. */
const ping = toEvent("ping", '{"type":"ping"}');

/**
 * Encodes the events of an answer as those of a message:
 *
 *     message_start ping (content_block_start content_block_delta* content_block_stop)* message_delta message_stop
 *
 * Blocks do not interleave: output of another kind closes the open block.
 */
export class MessageEncoder implements EventEncoder {
  readonly #head: wire.MessageHead;
  readonly #request: MessagesRequest;
  #started = false;
  #open: "none" | "text" | "thinking" | "call" = "none";
  /** The index of the open block, or of the next one. */
  #index = 0;
  #calls = 0;
  /** The start of a text delta of the open block, up to its text. */
  #beforeText = "";

  constructor(head: wire.MessageHead, request: MessagesRequest) {
    this.#head = head;
    this.#request = request;
  }

  encode(encoded: GenerationEvent): string {
    const text = this.#open === "text" ? plainTextOf(encoded) : undefined;
    if (text !== undefined) return text === "" ? "" : this.#toTextDelta(text);
    const { event } = encoded;
    switch (event.case) {
      case "delta": {
        const blocks = this.#encodeDelta(event.value);
        return blocks === "" ? "" : this.#start() + blocks;
      }
      case "finished":
        return this.#start() + this.#closeBlock() + this.#encodeEnd(event.value);
      default:
        return "";
    }
  }

  #start(): string {
    if (this.#started) return "";
    this.#started = true;
    const message = wire.toMessage(this.#head, [], { stop_reason: null, stop_sequence: null }, undefined);
    return toEvent("message_start", JSON.stringify({ type: "message_start", message })) + ping;
  }

  #encodeDelta({ reasoning, text, toolCalls }: Delta): string {
    let events = "";
    if (reasoning !== "" && this.#request.showsThinking)
      events +=
        this.#openBlock("thinking", wire.toThinkingBlock("")) +
        this.#toDelta(`{"type":"thinking_delta","thinking":${quoteJson(reasoning)}}`);
    if (text !== "") events += this.#openBlock("text", wire.toTextBlock("")) + this.#toTextDelta(text);
    for (const piece of toolCalls) events += this.#encodeCall(piece);
    return events;
  }

  #encodeCall({ index, id, name, argumentsJson }: ToolCallDelta): string {
    let events = "";
    if (index === this.#calls) {
      this.#calls++;
      events += this.#closeBlock() + this.#openBlock("call", wire.toToolUseBlock(id, name, {}));
    }
    if (argumentsJson === "") return events;
    return events + this.#toDelta(`{"type":"input_json_delta","partial_json":${quoteJson(argumentsJson)}}`);
  }

  #toTextDelta(text: string): string {
    return `${this.#beforeText}${escapeJson(text)}"}}\n\n`;
  }

  #toDelta(delta: string): string {
    return toEvent(
      "content_block_delta",
      `{"type":"content_block_delta","index":${this.#index},"delta":${delta}}`,
    );
  }

  /** Opens a block unless one of its kind is open. */
  #openBlock(kind: "text" | "thinking" | "call", block: wire.ContentBlock): string {
    if (this.#open === kind) return "";
    const closed = this.#closeBlock();
    this.#open = kind;
    const index = this.#index;
    this.#beforeText =
      'event: content_block_delta\ndata: {"type":"content_block_delta",' +
      `"index":${index},"delta":{"type":"text_delta","text":"`;
    const start = JSON.stringify({ type: "content_block_start", index, content_block: block });
    return closed + toEvent("content_block_start", start);
  }

  #closeBlock(): string {
    if (this.#open === "none") return "";
    this.#open = "none";
    const index = this.#index++;
    return toEvent("content_block_stop", JSON.stringify({ type: "content_block_stop", index }));
  }

  #encodeEnd(finished: Finished): string {
    const end = {
      ...wire.toStopReason(finished, this.#request.maxTokens),
      stop_details: null,
      container: null,
    };
    const delta: wire.MessageDelta = {
      type: "message_delta",
      delta: end,
      usage: wire.toCounts(finished.usage),
    };
    return (
      toEvent("message_delta", JSON.stringify(delta)) + toEvent("message_stop", '{"type":"message_stop"}')
    );
  }
}
