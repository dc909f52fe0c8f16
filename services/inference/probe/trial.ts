import { randomUUID } from "node:crypto";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Clock } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import { within } from "../../../core/streams/within.ts";
import { FinishReason, GenerationSchema, Role } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { type Transcript, transcribe } from "../transcript.ts";

/** How long one question of a probe may take, in milliseconds; loading the model is part of the first one. */
export const questionLimitMs = 120_000;

/** Room for the thoughts of a model that cannot be told not to think, in tokens. */
export const thoughtTokens = 2048;

/** What a probe asks: a generation without id and model. */
export type Question = Omit<
  Exclude<MessageInitShape<typeof GenerationSchema>, { $typeName: string }>,
  "id" | "model"
>;

/** What a trial needs. */
export interface TrialOptions {
  /** The model, as the engine claims it to be. */
  readonly served: ServedModel;
  readonly generate: Generate;
  readonly clock: Clock;
  /** Ends the trial; its reason is what questions throw. */
  readonly signal: AbortSignal;
  /** Throws `saturated` while the model has no slot to spare for a question. */
  readonly requireSlot: () => void;
}

/** Asks one model one question after the other: greedily, shortly, and without thoughts where it can do without. */
export class Trial {
  readonly served: ServedModel;
  readonly #options: TrialOptions;
  /** Whether the engine takes the wish not to think; undefined before the first answer. */
  #takesWish: boolean | undefined;
  /** Room for thoughts, in tokens, once the model was seen to need it. */
  #thoughtTokens = 0;

  constructor(options: TrialOptions) {
    this.served = options.served;
    this.#options = options;
  }

  /** The whole answer, of at most so many tokens beside thoughts. Throws what the engine throws, or `deadline`. */
  async ask(question: Question, maxTokens: number): Promise<Transcript> {
    const answer = await this.peek(question, maxTokens + this.#thoughtTokens);
    if (this.#thoughtTokens > 0 || !isLostInThought(answer)) return answer;
    this.#thoughtTokens = thoughtTokens;
    return this.peek(question, maxTokens + thoughtTokens);
  }

  /** So many tokens of the answer, be they thoughts or not: for what shows in either. Throws as `ask` does. */
  async peek(question: Question, maxTokens: number): Promise<Transcript> {
    // An engine that refuses the wish not to think is asked without it from then on.
    if (this.#takesWish === false || question.messages === undefined) return this.#send(question, maxTokens);
    const wish = { ...question, reasoning: { enabled: false } };
    if (this.#takesWish === true) return this.#send(wish, maxTokens);
    try {
      const answer = await this.#send(wish, maxTokens);
      this.#takesWish = true;
      return answer;
    } catch (error) {
      if (!(error instanceof MeshError) || error.kind !== "invalid_request") throw error;
      const answer = await this.#send(question, maxTokens);
      this.#takesWish = false;
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

/** A conversation of one question. */
export const says = (text: string): NonNullable<Question["messages"]> => [
  { role: Role.USER, parts: [{ part: { case: "text", value: text } }] },
];

/** Whether the limit came before anything but thoughts; some engines leave their marks in the text. */
const isLostInThought = ({ reason, text, reasoning, toolCalls }: Transcript): boolean =>
  reason === FinishReason.LENGTH &&
  toolCalls.length === 0 &&
  (text.trim() === "" ? reasoning !== "" : /^\s*<think/.test(text));
