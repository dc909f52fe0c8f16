import type { Generate } from "../../core/generate.ts";
import type { ServedModel } from "../../gen/cxmpute/registry/v1/registry_pb.ts";

/**
 * What computes tokens, inside a node or beside it.
 *
 * An engine is made without side effects (`create<Name>Engine(options)` in `engines/<name>/index.ts`) and loads
 * in its first `models` call. A node never calls an engine directly: `guardEngines` stands between, so that an
 * engine may stay naive.
 *
 * **What an engine may assume.**
 * - `models` calls never overlap, and `generate` is called only for a model that a `models` call has named. So
 *   an engine that loads in `models` loads once. (A generation that waited for its slot may find its model gone:
 *   throw `engine_failed`.)
 * - At most `slots` generations of a model run at a time. One that was aborted does not count any more, even
 *   while the engine still winds it down: where that matters the engine itself lets the next one wait.
 * - The generation asks only for what the model's capabilities claim, and only an answer that the model's
 *   `resume` capability and fingerprint allow is handed over to continue.
 * - `limits.timeout_ms` is kept for it: the signal aborts in time.
 * - The signal aborts when nobody reads any more, for whatever reason; the engine need not tell the reasons
 *   apart. Events that it yields after that go nowhere.
 * - `close` is called once, after every generation has ended or been aborted, and nothing after it.
 *
 * **What an engine must do.**
 * - *Order*: one `started`, any number of `delta`, one `finished`, and then the iteration ends. Once `finished` has
 *   come, another generation may begin: what this one held is free before it is yielded. `started` may
 *   leave `node_id` empty and carries the model's fingerprint; it comes once the engine has taken the
 *   generation up, before it works on the prompt.
 * - *Signs of life*: while it works on a long prompt, or holds text back, it yields empty deltas, at least every
 *   500 ms and only when it has really moved; a generation that is silent for longer is given to another node.
 * - *Text*: whole characters only, never half a surrogate pair. Stop texts are left out, with all that follows;
 *   `finished` names the one that was met.
 * - *Token ids*: for all tokens of the answer or for none; without the end-of-answer token. A delta carries the
 *   ids of exactly the tokens whose text it completes, so at every delta the text so far is the text of the ids
 *   so far, and another node can continue from there. Tokens that show no text (the tokens of a stop text that
 *   was met, control tokens) come with an empty text.
 * - *Usage*, in `finished`, always present: `completion_tokens` counts the whole answer, thoughts, tool calls,
 *   control tokens and a swallowed stop text included, the end-of-answer token not; where ids are given it is
 *   their number. `prompt_tokens` counts the rendered prompt.
 * - *Raw prompts*, where claimed: for `raw_prompt` the answer goes on from that text or those tokens as they stand,
 *   with no template around them, special tokens that are written out included; it is text and nothing else.
 *   An engine that cannot be given tokens refuses them, naming `prompt`.
 * - *Limits*: never more than `limits.max_tokens` tokens; reaching it finishes with `LENGTH`. A prompt that does
 *   not fit the context is `invalid_request` with code `context_length_exceeded` and param `messages` (for a raw
 *   prompt `prompt`), thrown before the first delta; a prompt that fits while prompt and `max_tokens` together do
 *   not ends with `LENGTH` when the context is full.
 * - *Resuming* (`resume` set), from tokens: the answer continues after `resume.token_ids`; those tokens count towards
 *   `max_tokens`, usage, penalties, grammar, stop texts and the position that sampling is keyed by, exactly as if
 *   this engine had produced them, and are not yielded again. An answer that those tokens already complete
 *   finishes at once.
 * - *Resuming* without token ids, from text, where the claim is `TEXT` or `TOKENS`: the answer goes on behind
 *   `resume.text`, which is not empty and is not yielded again, in the middle of a sentence or a word if it stops there,
 *   as if the model had written it itself (its thoughts are over by then). The text counts as part of the prompt: what
 *   is new counts towards `max_tokens` and `completion_tokens`, the text towards `prompt_tokens`. Token ids, where
 *   given, are those of what is new; the first may be of a token that the text has begun. With the claim `TEXT` this
 *   is asked only of answers in free form, after chats and raw prompts of text; tools may be offered, and none has
 *   been called in the text.
 * - *Determinism*, where `seed` is claimed: same prompt, same options, same seed, same answer, alone or beside
 *   others. Temperature 0 is the same without a seed.
 * - *Embeddings*, where claimed: for `embedding` it answers with one `embedded` for each input, in order, of length 1,
 *   and no delta but signs of life; `prompt_tokens` counts all inputs. Long inputs are refused, naming `input`.
 * - *Abort*: end soon, in any way: by ending the iteration or by throwing anything. An aborted generation must
 *   not harm the others.
 * - *Errors*: throw `MeshError`: `invalid_request` (naming `param`) for what the caller can mend, `saturated`
 *   when the engine turns out to be busy with work that is not this node's, `engine_failed` for the rest. Anything else thrown becomes `engine_failed` with the thrown value as its
 *   cause. Messages go to the caller: no prompt, no secret, no path.
 *
 * `engine-contract.ts` holds the suite that checks all of this on any engine.
 */
export interface Engine {
  /**
   * What it can serve now; called first before anything else, and again when that may have changed. Names are
   * unique within one engine, and the engine's own: the catalogue's are put on around it (`naming/`). An engine for
   * servers that are not ours claims all capabilities that it could carry; probes take off what is not there
   * (`probe/`). Throws `MeshError` when nothing can be served, saying what to do about it.
   */
  models(signal: AbortSignal): Promise<ServedModel[]>;
  /**
   * Whether a model, by the name that `models` gave it, was in memory at the last `models` call; absent: all are.
   * Probes leave those alone that are not, so that a machine with thirty models does not load them one by one
   * (`probe/with-probes.ts`).
   */
  isLoaded?(model: string): boolean;
  /** Answers one generation. */
  readonly generate: Generate;
  /** Ends everything and lets go of all resources; harmless when nothing was loaded, or the second time. */
  close(): Promise<void>;
}
