import { plainTextOf } from "../../../../core/relay/encoded-event.ts";
import type {
  Delta,
  GenerationEvent,
  ToolCallDelta,
  Usage,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { EventEncoder } from "../../answers/generation-route.ts";
import {
  type AnswerHead,
  escapeJson,
  isAscii,
  lastFingerprint,
  quoteJson,
  serviceTier,
  toDataEvent,
  toFingerprint,
  toFinishReason,
  toUsage,
} from "../../answers/wire.ts";
import { newId } from "../../http/request-context.ts";
import type { ChatRequest } from "../request/index.ts";
import { toLogprobs } from "./completion.ts";

const toPrefix = (head: AnswerHead, fingerprint: string): string =>
  `{"id":${quoteJson(head.id)},"object":"chat.completion.chunk","created":${head.created},` +
  `"model":${quoteJson(head.model)},"service_tier":"${serviceTier}",` +
  `"system_fingerprint":${JSON.stringify(toFingerprint(fingerprint))},"choices":[`;

/** The chunk without choices that reports the usage of the whole request. */
export function toUsageChunk(
  head: AnswerHead,
  choices: readonly Pick<ChunkEncoder, "fingerprint" | "usage">[],
): string {
  const usage = JSON.stringify(toUsage(choices.map((choice) => choice.usage)));
  return toDataEvent(`${toPrefix(head, choices[0]!.fingerprint)}],"usage":${usage}}`);
}

/**
 * Encodes the events of one answer as chunks of one choice: its role, its deltas, its finish reason. What does not
 * change between chunks is built once, so a token costs an escape and two concatenations.
 */
export class ChunkEncoder implements EventEncoder {
  // Fields that a token needs come first, to be close in memory.
  isAscii = false;
  #started = false;
  #asciiBeforeText = false;
  /** From `data:` to where the text of a content delta begins. */
  #beforeText = "";
  /** From the end of a text to the end of the event. */
  readonly #afterText: string;
  readonly #request: ChatRequest;
  readonly #head: AnswerHead;
  readonly #index: number;
  /** From `data:` to where the delta begins. */
  #beforeDelta = "";
  /** From the end of a choice to the end of the event. */
  readonly #afterChoice: string;
  #calls = 0;
  fingerprint = "";
  usage: Usage | undefined;

  constructor(head: AnswerHead, index: number, request: ChatRequest) {
    this.#head = head;
    this.#index = index;
    this.#request = request;
    this.#afterChoice = request.includeUsage ? '],"usage":null}\n\n' : "]}\n\n";
    this.#afterText = `"},"logprobs":null,"finish_reason":null}${this.#afterChoice}`;
  }

  encode(encoded: GenerationEvent): string {
    this.isAscii = false;
    const text = this.#started ? plainTextOf(encoded) : undefined;
    if (text !== undefined) return text === "" ? "" : this.#encodeText(text);
    const { event } = encoded;
    switch (event.case) {
      case "delta": {
        const delta = this.#encodeDelta(event.value);
        return delta === "" ? "" : this.#start() + delta;
      }
      case "started":
        this.fingerprint = event.value.fingerprint;
        return "";
      case "finished": {
        this.usage = event.value.usage;
        const started = this.#start();
        this.#endWith(lastFingerprint(event.value, this.fingerprint));
        const reason = toFinishReason(event.value.reason, this.#request.legacyFunctions);
        return started + this.#toChunk("{}", "null", `"${reason}"`);
      }
      default:
        return "";
    }
  }

  /** The last chunks show when another engine continued the answer. */
  #endWith(fingerprint: string): void {
    if (fingerprint === this.fingerprint) return;
    this.fingerprint = fingerprint;
    this.#beforeDelta = "";
  }

  /** The chunk with the role, once. */
  #start(): string {
    if (this.#started) return "";
    this.#started = true;
    return this.#toChunk('{"role":"assistant","content":"","refusal":null}');
  }

  #encodeDelta({ text, reasoning, toolCalls, logprobs }: Delta): string {
    let chunks = "";
    if (reasoning !== "" && this.#request.includeReasoning) {
      const json = quoteJson(reasoning);
      // Clients read one name or the other.
      chunks += this.#toChunk(`{"reasoning":${json},"reasoning_content":${json}}`);
    }
    if (logprobs.length > 0)
      chunks += this.#toChunk(`{"content":${quoteJson(text)}}`, JSON.stringify(toLogprobs(logprobs)));
    else if (text !== "") chunks += this.#encodeText(text);
    for (const piece of toolCalls) chunks += this.#encodeCall(piece);
    this.isAscii = false;
    return chunks;
  }

  #encodeText(text: string): string {
    if (this.#beforeText === "") {
      this.#beforeText = `${this.#openChoice()}{"content":"`;
      this.#asciiBeforeText = isAscii(this.#beforeText);
    }
    this.isAscii = this.#asciiBeforeText && isAscii(text);
    return this.#beforeText + escapeJson(text) + this.#afterText;
  }

  /** The first piece of a call names the function, without arguments; the others carry only arguments. */
  #encodeCall({ index, id, name, argumentsJson }: ToolCallDelta): string {
    const { legacyFunctions } = this.#request;
    // The legacy form has room for one call.
    if (legacyFunctions && index > 0) return "";
    let chunks = "";
    if (index === this.#calls) {
      this.#calls++;
      const called = `{"name":${quoteJson(name)},"arguments":""}`;
      chunks = this.#toChunk(
        legacyFunctions
          ? `{"function_call":${called}}`
          : `{"tool_calls":[{"index":${index},"id":${quoteJson(id || newId("call_"))},"type":"function","function":${called}}]}`,
      );
    }
    if (argumentsJson === "") return chunks;
    const more = `{"arguments":${quoteJson(argumentsJson)}}`;
    return (
      chunks +
      this.#toChunk(
        legacyFunctions
          ? `{"function_call":${more}}`
          : `{"tool_calls":[{"index":${index},"function":${more}}]}`,
      )
    );
  }

  #toChunk(delta: string, logprobs = "null", finishReason = "null"): string {
    return `${this.#openChoice()}${delta},"logprobs":${logprobs},"finish_reason":${finishReason}}${this.#afterChoice}`;
  }

  #openChoice(): string {
    if (this.#beforeDelta === "")
      this.#beforeDelta = `data: ${toPrefix(this.#head, this.fingerprint)}{"index":${this.#index},"delta":`;
    return this.#beforeDelta;
  }
}
