import type { Generation } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { EngineBound, SharedPrompt, Start } from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import { hasLargePrompt, Prompt, withoutPrompt } from "./prompt.ts";

/** A prompt as it is sent on one relay. */
export class SentPrompt implements SharedPrompt {
  readonly $typeName = "cxmpute.relay.v1.SharedPrompt";
  readonly id: number;
  readonly prompt: Prompt;
  /** Generations on the relay that answer it and have not ended. */
  open = 0;

  constructor(id: number, prompt: Prompt) {
    this.id = id;
    this.prompt = prompt;
  }

  /** Encoded only when it leaves the process. */
  get generation(): Uint8Array {
    return this.prompt.bytes;
  }
}

/**
 * Generations that wait to be started on a relay. A large prompt is sent once, and forgotten by both sides when no open
 * generation answers it; a frame carries one of them at most, so that encoding it never takes long.
 */
export class StartQueue {
  /** Whether the other side understands shared prompts; one of an older version gets every generation in full. */
  sharesPrompts = false;
  #waiting: { readonly streamId: number; readonly generation: Generation }[] = [];
  readonly #sent = new Map<Prompt, SentPrompt>();
  readonly #byStream = new Map<number, SentPrompt>();
  #lastId = 0;

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  add(streamId: number, generation: Generation): void {
    this.#waiting.push({ streamId, generation });
  }

  /** Removes one that has not been sent; false when it has. */
  remove(streamId: number): boolean {
    const index = this.#waiting.findIndex((one) => one.streamId === streamId);
    if (index >= 0) this.#waiting.splice(index, 1);
    return index >= 0;
  }

  /** Notes that a generation has ended; true when a prompt may be dropped with the next frame. */
  end(streamId: number): boolean {
    const sent = this.#byStream.get(streamId);
    if (sent === undefined) return false;
    this.#byStream.delete(streamId);
    sent.open--;
    return sent.open === 0;
  }

  /** The next frame, with these cancellations. More may be waiting after it. */
  take(cancels: number[]): EngineBound {
    const starts: Start[] = [];
    const prompts: SentPrompt[] = [];
    let isFull = false;
    let taken = 0;
    for (const { streamId, generation } of this.#waiting) {
      let sent: SentPrompt | undefined;
      if (hasLargePrompt(generation)) {
        sent = this.sharesPrompts ? this.#sent.get(Prompt.of(generation)) : undefined;
        if (sent === undefined) {
          if (isFull) break;
          isFull = true;
          if (this.sharesPrompts) {
            sent = this.#open(Prompt.of(generation));
            prompts.push(sent);
          }
        }
      }
      if (sent !== undefined) {
        sent.open++;
        this.#byStream.set(streamId, sent);
      }
      starts.push({
        $typeName: "cxmpute.relay.v1.Start",
        streamId,
        generation: sent === undefined ? generation : withoutPrompt(generation),
        promptId: sent?.id ?? 0,
      });
      taken++;
    }
    this.#waiting = taken === this.#waiting.length ? [] : this.#waiting.slice(taken);
    return {
      $typeName: "cxmpute.relay.v1.EngineBound",
      starts,
      cancels,
      prompts,
      droppedPrompts: this.#dropUnused(),
    };
  }

  #open(prompt: Prompt): SentPrompt {
    const sent = new SentPrompt(++this.#lastId, prompt);
    this.#sent.set(prompt, sent);
    return sent;
  }

  #dropUnused(): number[] {
    const dropped: number[] = [];
    for (const [prompt, { id, open }] of this.#sent)
      if (open === 0) {
        this.#sent.delete(prompt);
        dropped.push(id);
      }
    return dropped;
  }
}
