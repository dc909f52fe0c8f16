import type { Clock } from "../../../../core/clock.ts";
import type { NativeModel } from "./native/native-model.ts";
import type { SequencePool } from "./native/sequence-pool.ts";
import type { Notation } from "./notations/notation.ts";
import type { ChatTemplate } from "./prompt/chat-template.ts";
import type { Tokenizer } from "./prompt/tokenizer.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** A model that is ready to answer, and everything that is known about it. */
export interface LoadedModel {
  readonly native: NativeModel;
  readonly pool: SequencePool;
  readonly vocabulary: Vocabulary;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  /** How it writes tool calls; undefined when it makes none, or in a way that is not known. */
  readonly notation: Notation | undefined;
  /** Whether it knows marks for thoughts. */
  readonly thinks: boolean;
  /** Whether log probabilities can be had. */
  readonly tellsLogits: boolean;
  /** Tokens that prompt and answer of one generation may have together. */
  readonly contextLength: number;
  /** Equal on engines that continue each other's answers exactly. */
  readonly fingerprint: string;
  readonly clock: Clock;
}
