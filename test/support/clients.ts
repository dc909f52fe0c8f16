import type { Mesh } from "./mesh.ts";
import { openStream, type Received } from "./streams.ts";

/** Clients that ask for one stream after another until they are told to stop, and what went wrong for them. */
export class Clients {
  answers = 0;
  readonly failures: unknown[] = [];
  readonly #mesh: Pick<Mesh, "url" | "headers" | "model">;
  readonly #leastTokens: number;
  #stopping = false;
  readonly #running: Promise<unknown>;

  /** Answers have from `leastTokens` to twice as many tokens. */
  constructor(
    mesh: Pick<Mesh, "url" | "headers" | "model">,
    { count, leastTokens }: { readonly count: number; readonly leastTokens: number },
  ) {
    this.#mesh = mesh;
    this.#leastTokens = leastTokens;
    this.#running = Promise.all(Array.from({ length: count }, (_, index) => this.#run(index)));
  }

  /** Resolves when the answers that are open have ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  async #run(index: number): Promise<void> {
    for (let count = 0; !this.#stopping; count++) {
      const tokens = this.#leastTokens + ((7 * index + 13 * count) % this.#leastTokens);
      const body = { messages: [{ role: "user", content: `${index} ${count}` }], max_tokens: tokens };
      try {
        const fault = faultOf(await openStream(this.#mesh, body).whole, tokens);
        if (fault !== undefined) this.failures.push(fault);
        this.answers++;
      } catch (error) {
        // No process listens there now. Whatever was accepted has to be answered.
        if (!isRefused(error)) this.failures.push(error);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
}

const faultOf = (received: Received, tokens: number) =>
  received.error ??
  (received.finishReason !== "length" || received.usage?.completion !== tokens ? received : undefined);

const isRefused = (error: unknown): boolean =>
  error instanceof TypeError && (error.cause as NodeJS.ErrnoException | undefined)?.code === "ECONNREFUSED";
