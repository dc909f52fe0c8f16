import { plainTextOf } from "../../../../core/relay/encoded-event.ts";
import type {
  Delta,
  GenerationEvent,
  ToolCallDelta,
  Usage,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { escapeJson, isAscii, quoteJson } from "../../answers/escape.ts";
import type { EventEncoder } from "../../answers/late-stream.ts";
import {
  type AnswerHead,
  lastFingerprint,
  serviceTier,
  toDataEvent,
  toFingerprint,
  toFinishReason,
  toUsage,
} from "../../answers/wire.ts";
import { newId } from "../../http/request-id.ts";
import type { ChatRequest } from "../request/index.ts";
import { toLogprobs } from "./completion.ts";

/** The beginning of each chunk of a stream. */
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
 * Turns the events of one answer into the chunks of one choice: first its role, then what comes, then its finish
 * reason. What does not change between chunks is put together once, and a token costs an escape and two
 * concatenations.
 */
export class ChunkEncoder implements EventEncoder {
  // What a token needs comes first, to lie together in memory.
  /** Whether what `encode` returned last is known to be ASCII, which spares its writer a count of bytes. */
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
  /** What closes a chunk behind its choice. */
  readonly #afterChoice: string;
  #calls = 0;
  /** As the node reported it; empty when it did not. */
  fingerprint = "";
  /** What the answer took; undefined before its end. */
  usage: Usage | undefined;

  constructor(head: AnswerHead, index: number, request: ChatRequest) {
    this.#head = head;
    this.#index = index;
    this.#request = request;
    this.#afterChoice = request.includeUsage ? '],"usage":null}\n\n' : "]}\n\n";
    this.#afterText = `"},"logprobs":null,"finish_reason":null}${this.#afterChoice}`;
  }

  /** The event as text of the stream; empty while there is nothing to show. */
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

  /** The last chunks show when another engine than the first had a part in the answer. */
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
      // Two names, because half of the clients read the one and half the other.
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

  /** A call's first piece names the function, without arguments; all others are nothing but arguments. */
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
