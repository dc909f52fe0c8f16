import type { GenerationEvent, Usage } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { toDataEvent } from "../chat/answer/chunks.ts";
import { quoteJson } from "../chat/answer/escape.ts";
import { type AnswerHead, lastFingerprint, toFinishReason } from "../chat/answer/wire.ts";
import { LogprobsWriter } from "./logprobs.ts";
import type { CompletionRequest } from "./request.ts";
import { toHead, toTotalUsage } from "./wire.ts";

/** Turns the events of one answer into the chunks of one choice: the echo, what comes, the finish reason. */
export class ChunkEncoder {
  /** What the answer took; undefined before its end. */
  usage: Usage | undefined;
  /** As the node said it; empty when it did not. */
  fingerprint = "";
  readonly #head: AnswerHead;
  readonly #index: number;
  readonly #request: CompletionRequest;
  readonly #logprobs = new LogprobsWriter();
  /** What is to be shown before the answer. */
  #echo: string;

  constructor(head: AnswerHead, index: number, request: CompletionRequest) {
    this.#head = head;
    this.#index = index;
    this.#request = request;
    this.#echo = request.echoes[Math.floor(index / request.choices)]!;
  }

  /** The event as text of the stream; empty while there is nothing to show. */
  encode({ event }: GenerationEvent): string {
    switch (event.case) {
      case "delta": {
        const { text, logprobs } = event.value;
        if (text === "" && logprobs.length === 0) return "";
        const told = logprobs.length > 0 ? JSON.stringify(this.#logprobs.write(logprobs)) : "null";
        return this.#begin() + this.#toChunk(text, told);
      }
      case "started":
        this.fingerprint = event.value.fingerprint;
        return "";
      case "finished":
        this.usage = event.value.usage;
        this.fingerprint = lastFingerprint(event.value, this.fingerprint);
        return this.#begin() + this.#toChunk("", "null", `"${toFinishReason(event.value.reason, false)}"`);
      default:
        return "";
    }
  }

  /** The chunk with the echo, once. */
  #begin(): string {
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

/** The chunk without choices that tells the usage of the whole request. */
export const toUsageChunk = (
  head: AnswerHead,
  encoders: readonly ChunkEncoder[],
  choices: number,
): string => {
  const usage = toTotalUsage(
    encoders.map((encoder) => encoder.usage),
    choices,
  );
  return toDataEvent(
    `${openHead(head, encoders[0]!.fingerprint)},"choices":[],"usage":${JSON.stringify(usage)}}`,
  );
};

const openHead = (head: AnswerHead, fingerprint: string): string =>
  JSON.stringify(toHead(head, fingerprint)).slice(0, -1);
