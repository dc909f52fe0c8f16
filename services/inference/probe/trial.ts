import { randomUUID } from "node:crypto";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Clock } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import type { CapabilityName } from "../../../core/generation/capabilities.ts";
import { within } from "../../../core/streams/within.ts";
import { FinishReason, GenerationSchema, Role } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { type Transcript, transcribe } from "../transcript.ts";

/** Capabilities by name, that the model answers at all, and that it refuses what exceeds its context. */
export type ProbeName = CapabilityName | "seed" | "resume" | "answer" | "context_length";

/** The result of probing one claim. */
export type Finding =
  | { readonly outcome: "shown" }
  /** Asked for and not done; the reason is for people and quotes neither prompt nor answer. */
  | { readonly outcome: "refuted"; readonly reason: string }
  /** Could not be tried yet: retried later, and not claimed until then. */
  | { readonly outcome: "undecided"; readonly reason: string };

export type Findings = ReadonlyMap<ProbeName, Finding>;

/** One small experiment on a model, given earlier findings. What the engine throws is judged in `probe-model.ts`. */
export type Attempt = (trial: Trial, findings: Findings) => Promise<Finding>;

/** It was done. */
export const shown: Finding = { outcome: "shown" };

export const refuted = (reason: string): Finding => ({ outcome: "refuted", reason });

export const undecided = (reason: string): Finding => ({ outcome: "undecided", reason });

export const shownIf = (holds: boolean, reason: string): Finding => (holds ? shown : refuted(reason));

/** How long one question may take, in milliseconds; the first may load the model. */
const questionLimitMs = 120_000;

/** Room for the reasoning of a model that cannot turn it off, in tokens. */
export const reasoningTokens = 2048;

/** A generation without id and model. */
export type Question = Omit<
  Exclude<MessageInitShape<typeof GenerationSchema>, { $typeName: string }>,
  "id" | "model"
>;

interface TrialOptions {
  readonly served: ServedModel;
  readonly generate: Generate;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Throws `saturated` while no slot is free for a question. */
  readonly requireSlot: () => void;
}

/** Asks one model one question at a time: greedy, short, and without reasoning where it can be turned off. */
export class Trial {
  readonly served: ServedModel;
  readonly #options: TrialOptions;
  /** Whether reasoning can be turned off; undefined before the first answer. */
  #canDisableReasoning: boolean | undefined;
  /** Tokens for reasoning, once the model was seen to need them. */
  #reasoningTokens = 0;

  constructor(options: TrialOptions) {
    this.served = options.served;
    this.#options = options;
  }

  /** The whole answer, of at most `maxTokens` beside reasoning. Throws what the engine throws, or `deadline`. */
  async ask(question: Question, maxTokens: number): Promise<Transcript> {
    const answer = await this.peek(question, maxTokens + this.#reasoningTokens);
    if (this.#reasoningTokens > 0 || !isLostInReasoning(answer)) return answer;
    this.#reasoningTokens = reasoningTokens;
    return this.peek(question, maxTokens + reasoningTokens);
  }

  /** The first `maxTokens` of the answer, reasoning included. Throws as `ask` does. */
  async peek(question: Question, maxTokens: number): Promise<Transcript> {
    if (this.#canDisableReasoning === false || question.messages === undefined)
      return this.#send(question, maxTokens);
    const withoutReasoning = { ...question, reasoning: { enabled: false } };
    if (this.#canDisableReasoning === true) return this.#send(withoutReasoning, maxTokens);
    try {
      const answer = await this.#send(withoutReasoning, maxTokens);
      this.#canDisableReasoning = true;
      return answer;
    } catch (error) {
      if (!(error instanceof MeshError) || error.kind !== "invalid_request") throw error;
      const answer = await this.#send(question, maxTokens);
      this.#canDisableReasoning = false;
      return answer;
    }
  }

  #send(question: Question, maxTokens: number): Promise<Transcript> {
    const { served, generate, clock, signal, requireSlot } = this.#options;
    requireSlot();
    const most = Math.max(1, Math.floor(served.contextLength / 2));
    const generation = create(GenerationSchema, {
      ...question,
      id: `probe-${randomUUID()}`,
      model: served.model,
      sampling: { temperature: 0, ...question.sampling },
      limits: { maxTokens: Math.min(maxTokens, most) },
    });
    return within(clock, questionLimitMs, signal, (scope) => transcribe(generate(generation, scope)));
  }
}

export const says = (text: string): NonNullable<Question["messages"]> => [
  { role: Role.USER, parts: [{ part: { case: "text", value: text } }] },
];

/** Whether the limit was reached within reasoning; some engines leave its marks in the text. */
const isLostInReasoning = ({ reason, text, reasoning, toolCalls }: Transcript): boolean =>
  reason === FinishReason.LENGTH &&
  toolCalls.length === 0 &&
  (text.trim() === "" ? reasoning !== "" : /^\s*<think/.test(text));
