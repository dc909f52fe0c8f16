import type { Generation } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import type { SharedPrompt, Start } from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import { MeshError } from "../errors/mesh-error.ts";
import { inOwnTurn } from "../streams/own-turn.ts";
import { Prompt } from "./prompt.ts";
import { SentPrompt } from "./start-queue.ts";

/** The prompts that the other side of a relay has sent, until it drops them. */
export class ReceivedPrompts {
  readonly #byId = new Map<number, Prompt>();

  get size(): number {
    return this.#byId.size;
  }

  /** Decodes prompts, each in a turn of its own. Never rejects: a bad one fails the generations that answer it. */
  async add(prompts: readonly SharedPrompt[]): Promise<void> {
    for (const sent of prompts) {
      // In the same process nothing has been encoded.
      const prompt = sent instanceof SentPrompt ? sent.prompt : Prompt.from(sent.generation);
      this.#byId.set(sent.id, prompt);
      if (!(sent instanceof SentPrompt)) await inOwnTurn(() => prompt.fields).catch(() => {});
    }
  }

  drop(ids: readonly number[]): void {
    for (const id of ids) this.#byId.delete(id);
  }

  /** The generation of a start, with its prompt. Throws `invalid_request` when either is missing. */
  complete({ generation, promptId }: Start): Generation {
    if (generation === undefined)
      throw new MeshError("invalid_request", "A start frame came without a generation.");
    if (promptId === 0) return generation;
    const prompt = this.#byId.get(promptId);
    if (prompt === undefined)
      throw new MeshError("invalid_request", "A start frame refers to a prompt that was not sent.");
    return { ...generation, ...prompt.fields };
  }
}
