import type { TokenChoice, TokenLogprob } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { toTokenLogprob } from "../chat/answer/wire.ts";

/** Log probabilities in the legacy form: a list for each thing that is told of a token. */
export interface LegacyLogprobs {
  readonly text_offset: number[];
  readonly token_logprobs: number[];
  readonly tokens: string[];
  /** The likeliest tokens in its place, by their texts; the one that was drawn is always among them. */
  readonly top_logprobs: Record<string, number>[];
}

/** Writes log probabilities of one answer, piece by piece, and knows where in its text each token stands. */
export class LogprobsWriter {
  /** Characters of the text so far. */
  #offset = 0;
  #decoder = new TextDecoder();

  /** The next tokens. */
  write(logprobs: readonly TokenLogprob[]): LegacyLogprobs {
    const legacy: LegacyLogprobs = { text_offset: [], token_logprobs: [], tokens: [], top_logprobs: [] };
    for (const { token, top } of logprobs) {
      const { logprob } = toTokenLogprob(token);
      legacy.text_offset.push(this.#offset);
      legacy.tokens.push(toName(token));
      legacy.token_logprobs.push(logprob);
      legacy.top_logprobs.push(
        Object.fromEntries([
          ...top.map((choice) => [toName(choice), toTokenLogprob(choice).logprob]),
          [toName(token), logprob],
        ]),
      );
      for (const _ of this.#decoder.decode(token?.bytes, { stream: true })) this.#offset++;
    }
    return legacy;
  }
}

/** A token that is no whole text goes by its bytes, as OpenAI has it. */
function toName(token: TokenChoice | undefined): string {
  const { text = "", bytes = new Uint8Array() } = token ?? {};
  if (!text.includes("\ufffd")) return text;
  return `bytes:${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}`;
}
