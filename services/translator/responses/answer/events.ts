import type { GenerationEvent } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { EventEncoder } from "../../answers/generation-route.ts";
import { escapeJson, quoteJson } from "../../answers/wire.ts";
import type { OutputItem } from "../items.ts";
import {
  type ItemKind,
  type Logprob,
  type OpenItem,
  Output,
  type OutputObserver,
  toItem,
  toOutputText,
  toReasoningText,
  toSummaryText,
} from "./output.ts";
import { type ResponseHead, type ResponseObject, toStartedResponse } from "./response-object.ts";

/**
 * Encodes the output as the events of a stream:
 *
 *     response.created, response.in_progress
 *     for each item:   response.output_item.added
 *       a message:     response.content_part.added, response.output_text.delta…, .done, response.content_part.done
 *       reasoning:     the same with response.reasoning_text, or with reasoning_summary_part and _text
 *       a call:        response.function_call_arguments.delta…, .done
 *                      response.output_item.done
 *     response.completed, .incomplete or .failed
 *
 * Every event has a number, from 0. What does not change between the deltas of an item is built once.
 */
export class ResponseEncoder implements EventEncoder, OutputObserver {
  readonly output: Output;
  readonly #head: ResponseHead;
  #pending = "";
  #sequence = 0;
  /** The start of a delta up to its number, and from there to its text. */
  #beforeNumber = "";
  #beforeText = "";

  constructor(head: ResponseHead, summarizes: boolean) {
    this.#head = head;
    this.output = new Output(summarizes, this);
  }

  encode(event: GenerationEvent): string {
    this.output.accept(event);
    return this.#drain();
  }

  #drain(): string {
    const events = this.#pending;
    this.#pending = "";
    return events;
  }

  added(open: OpenItem): void {
    if (this.#sequence === 0) {
      const response = `"response":${toJson(toStartedResponse(this.#head))}`;
      this.#emit("response.created", response);
      this.#emit("response.in_progress", response);
    }
    const { kind, index } = open;
    const item = toJson(toItem(open, "in_progress"));
    this.#emit("response.output_item.added", `"output_index":${index},"item":${item}`);
    const position = positionOf(open);
    if (kind !== "call") {
      const { partEvent, toPart } = parts[kind];
      this.#emit(`${partEvent}.added`, `${position},"part":${toJson(toPart("", []))}`);
    }
    this.#beforeNumber = `event: ${textEvents[kind]}.delta\ndata: {"type":"${textEvents[kind]}.delta","sequence_number":`;
    this.#beforeText = `,${position},"delta":"`;
  }

  delta({ kind }: OpenItem, text: string, logprobs: readonly Logprob[]): void {
    const afterText =
      kind !== "text"
        ? '"}\n\n'
        : logprobs.length === 0
          ? '","logprobs":[]}\n\n'
          : `","logprobs":${toJson(logprobs)}}\n\n`;
    this.#pending += this.#beforeNumber + this.#sequence++ + this.#beforeText + escapeJson(text) + afterText;
  }

  done(open: OpenItem, item: OutputItem): void {
    const { kind, index, text, logprobs, name } = open;
    const position = positionOf(open);
    if (kind === "call") {
      const call = `"name":${quoteJson(name)},"arguments":${quoteJson(text)}`;
      this.#emit(`${textEvents.call}.done`, `${position},${call}`);
    } else {
      const { partEvent, toPart } = parts[kind];
      const more = kind === "text" ? `,"logprobs":${toJson(logprobs)}` : "";
      this.#emit(`${textEvents[kind]}.done`, `${position},"text":${quoteJson(text)}${more}`);
      this.#emit(`${partEvent}.done`, `${position},"part":${toJson(toPart(text, logprobs))}`);
    }
    this.#emit("response.output_item.done", `"output_index":${index},"item":${toJson(item)}`);
  }

  /** The last event, named after the response's status. */
  end(response: ResponseObject): string {
    this.#emit(`response.${response.status}`, `"response":${toJson(response)}`);
    return this.#drain();
  }

  #emit(type: string, fields: string): void {
    this.#pending += `event: ${type}\ndata: {"type":"${type}","sequence_number":${this.#sequence++},${fields}}\n\n`;
  }
}

/** The position of an item's part in the output. */
function positionOf({ kind, id, index }: OpenItem): string {
  const part = kind === "call" ? "" : kind === "summary" ? ',"summary_index":0' : ',"content_index":0';
  return `"item_id":"${id}","output_index":${index}${part}`;
}

const textEvents: Readonly<Record<ItemKind, string>> = {
  text: "response.output_text",
  reasoning: "response.reasoning_text",
  summary: "response.reasoning_summary_text",
  call: "response.function_call_arguments",
};

/** The one part that holds an item's text; a call's text is in none. */
const parts = {
  text: { partEvent: "response.content_part", toPart: toOutputText },
  reasoning: { partEvent: "response.content_part", toPart: toReasoningText },
  summary: { partEvent: "response.reasoning_summary_part", toPart: toSummaryText },
};

/** JSON without line separators, at which naive readers split. */
const toJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
