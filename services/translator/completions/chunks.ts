import type { GenerationEvent, Usage } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { quoteJson } from "../answers/escape.ts";
import type { EventEncoder } from "../answers/late-stream.ts";
import { type AnswerHead, lastFingerprint, toDataEvent, toFinishReason } from "../answers/wire.ts";
import type { CompletionRequest } from "./request.ts";
import { echoOf, LogprobsWriter, toHead, toTotalUsage } from "./wire.ts";

/** Encodes the events of one answer as chunks of one choice: the echo, the deltas, the finish reason. */
export class ChunkEncoder implements EventEncoder {
  /** Undefined before the end. */
  usage: Usage | undefined;
  fingerprint = "";
  readonly #head: AnswerHead;
  readonly #index: number;
  readonly #request: CompletionRequest;
  readonly #logprobs = new LogprobsWriter();
  /** The prompt, until it has been sent. */
  #echo: string;

  constructor(head: AnswerHead, index: number, request: CompletionRequest) {
    this.#head = head;
    this.#index = index;
    this.#request = request;
    this.#echo = echoOf(request, index);
  }

  encode({ event }: GenerationEvent): string {
    switch (event.case) {
      case "delta": {
        const { text, logprobs } = event.value;
        if (text === "" && logprobs.length === 0) return "";
        const shown = logprobs.length > 0 ? JSON.stringify(this.#logprobs.write(logprobs)) : "null";
        return this.#start() + this.#toChunk(text, shown);
      }
      case "started":
        this.fingerprint = event.value.fingerprint;
        return "";
      case "finished":
        this.usage = event.value.usage;
        this.fingerprint = lastFingerprint(event.value, this.fingerprint);
        return this.#start() + this.#toChunk("", "null", `"${toFinishReason(event.value.reason, false)}"`);
      default:
        return "";
    }
  }

  /** The chunk with the echo, once. */
  #start(): string {
    const echo = this.#echo;
    this.#echo = "";
    return echo === "" ? "" : this.#toChunk(echo);
  }

  #toChunk(text: string, logprobs = "null", finishReason = "null"): string {
    const choice = `{"text":${quoteJson(text)},"index":${this.#index},"logprobs":${logprobs},"finish_reason":${finishReason}}`;
    const usage = this.#request.includeUsage ? ',"usage":null' : "";
    return toDataEvent(`${openHead(this.#head, this.fingerprint)},"choices":[${choice}]${usage}}`);
  }
}

/** The chunk without choices that reports the usage of the whole request. */
export const toUsageChunk = (head: AnswerHead, encoders: readonly ChunkEncoder[], choices: number): string =>
  toDataEvent(
    `${openHead(head, encoders[0]!.fingerprint)},"choices":[],"usage":${JSON.stringify(toTotalUsage(encoders, choices))}}`,
  );

const openHead = (head: AnswerHead, fingerprint: string): string =>
  JSON.stringify(toHead(head, fingerprint)).slice(0, -1);
