import { z } from "zod";
import type {
  GenerationEvent,
  TokenChoice,
  TokenLogprob,
  Usage,
} from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ChoiceCollector } from "../answers/choices.ts";
import type { EventEncoder } from "../answers/generation-route.ts";
import {
  type AnswerHead,
  chunkUsage,
  count,
  type Described,
  fingerprint,
  finishReason,
  lastFingerprint,
  quoteJson,
  toDataEvent,
  toFingerprint,
  toFinishReason,
  toLogprob,
  toUsage,
  unixSeconds,
  usage,
} from "../answers/wire.ts";
import type { CompletionRequest } from "./request.ts";

/** Log probabilities in the legacy form: parallel lists, one element per token. */
const legacyLogprobs = z.object({
  text_offset: z.array(count),
  token_logprobs: z.array(z.number()),
  tokens: z.array(z.string()),
  top_logprobs: z
    .array(z.record(z.string(), z.number()))
    .describe("The most likely tokens at each position, always including the sampled one."),
});

const choice = z.object({
  text: z.string(),
  index: count.describe("The choices of the first prompt come first, then those of the second."),
  logprobs: legacyLogprobs.nullable(),
  finish_reason: finishReason,
});

export const completion = z.object({
  id: z.string(),
  object: z.literal("text_completion"),
  created: unixSeconds,
  model: z.string(),
  system_fingerprint: fingerprint,
  choices: z.array(choice),
  usage,
});

export const completionChunk = completion.extend({
  choices: z.array(choice.extend({ finish_reason: finishReason.nullable() })),
  usage: chunkUsage,
});

/** The head of completions and chunks; their `object` is the same, too. */
const toHead = ({ id, created, model }: AnswerHead, fingerprint: string) => ({
  id,
  object: "text_completion" as const,
  created,
  model,
  system_fingerprint: toFingerprint(fingerprint),
});

const usageOf = (answers: readonly { readonly usage: Usage | undefined }[], { choices }: CompletionRequest) =>
  toUsage(
    answers.map(({ usage }) => usage),
    choices,
  );

/** The text before a choice: its prompt with `echo`, else empty. */
const echoOf = ({ echoes, choices }: CompletionRequest, index: number): string =>
  echoes[Math.floor(index / choices)]!;

type LegacyLogprobs = z.output<typeof legacyLogprobs>;

/** Converts log probabilities of one answer, piece by piece, and tracks the offset of each token. */
class LogprobsWriter {
  #offset = 0;
  readonly #decoder = new TextDecoder();

  write(logprobs: readonly TokenLogprob[]): LegacyLogprobs {
    const legacy: LegacyLogprobs = { text_offset: [], token_logprobs: [], tokens: [], top_logprobs: [] };
    for (const { token, top } of logprobs) {
      const { logprob } = toLogprob(token);
      legacy.text_offset.push(this.#offset);
      legacy.tokens.push(toName(token));
      legacy.token_logprobs.push(logprob);
      legacy.top_logprobs.push(
        Object.fromEntries([
          ...top.map((choice) => [toName(choice), toLogprob(choice).logprob]),
          [toName(token), logprob],
        ]),
      );
      for (const _ of this.#decoder.decode(token?.bytes, { stream: true })) this.#offset++;
    }
    return legacy;
  }
}

/** Tokens that are not valid text are named by their bytes, as OpenAI does. */
function toName(token: TokenChoice | undefined): string {
  const { text = "", bytes = new Uint8Array() } = token ?? {};
  if (!text.includes("\ufffd")) return text;
  return `bytes:${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}`;
}

/** The completion object as JSON text. */
export function toCompletion(
  head: AnswerHead,
  request: CompletionRequest,
  collectors: readonly ChoiceCollector[],
): string {
  const whole: Described<typeof completion> = {
    ...toHead(head, collectors[0]!.fingerprint),
    choices: collectors.map(({ text, logprobs, reason }, index) => ({
      text: echoOf(request, index) + text,
      index,
      logprobs: request.logprobs ? new LogprobsWriter().write(logprobs) : null,
      finish_reason: toFinishReason(reason, false),
    })),
    usage: usageOf(collectors, request),
  };
  return JSON.stringify(whole);
}

/** Encodes the events of one answer as chunks of one choice: the echo, the deltas, the finish reason. */
export class ChunkEncoder implements EventEncoder {
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
export function toUsageChunk(
  head: AnswerHead,
  request: CompletionRequest,
  encoders: readonly ChunkEncoder[],
): string {
  const usage = JSON.stringify(usageOf(encoders, request));
  return toDataEvent(`${openHead(head, encoders[0]!.fingerprint)},"choices":[],"usage":${usage}}`);
}

const openHead = (head: AnswerHead, fingerprint: string): string =>
  JSON.stringify(toHead(head, fingerprint)).slice(0, -1);
