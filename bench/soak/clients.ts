import type { Mesh } from "../../test/support/mesh.ts";

/** What the clients have seen. */
export interface ClientCounts {
  answers: number;
  /** Left by the client itself. */
  aborted: number;
  /** Nothing listened, or the mesh said when to try again. */
  refused: number;
  /** By what went wrong. */
  readonly failures: Map<string, number>;
}

/** Clients that ask one stream after another at several translators until told to stop; one in eight leaves each time. */
export class Clients {
  readonly counts: ClientCounts = { answers: 0, aborted: 0, refused: 0, failures: new Map() };
  readonly #mesh: Mesh;
  readonly #urls: readonly string[];
  #isOver = false;
  readonly #running: Promise<unknown>;

  constructor(mesh: Mesh, urls: readonly string[], clients: number) {
    this.#mesh = mesh;
    this.#urls = urls;
    this.#running = Promise.all(Array.from({ length: clients }, (_, index) => this.#run(index)));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(index: number): Promise<void> {
    for (let count = 0; !this.#isOver; count++) {
      const url = this.#urls[(index + count) % this.#urls.length]!;
      const tokens = 10 + ((7 * index + 13 * count) % 60);
      const leave = new AbortController();
      const leaves = (index + count) % 8 === 0;
      try {
        const text = await this.#ask(url, `${index} ${count}`, tokens, leaves ? leave : undefined);
        if (text === undefined) this.counts.refused += 1;
        else if (text.includes('"finish_reason":"length"') && text.includes(`"completion_tokens":${tokens},`))
          this.counts.answers += 1;
        else this.#fail(/"message":"[^"]*"/.exec(text)?.[0] ?? "an end is missing");
      } catch (error) {
        const { code = "" } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
        if (leave.signal.aborted) this.counts.aborted += 1;
        else if (code === "ECONNREFUSED") this.counts.refused += 1;
        // The one thing that only a second translator behind a load balancer could hide: its own is gone.
        else this.#fail(`connection: ${code || (error as Error).message}`);
      }
    }
  }

  /** Undefined when the mesh has no room for it now. */
  async #ask(
    url: string,
    content: string,
    tokens: number,
    leave: AbortController | undefined,
  ): Promise<string | undefined> {
    const body = { model: this.#mesh.model, messages: [{ role: "user", content }], max_tokens: tokens };
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: this.#mesh.headers,
      body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
      ...(leave === undefined ? {} : { signal: leave.signal }),
    });
    if (response.status === 503 || response.status === 429) {
      await response.arrayBuffer();
      await new Promise((resolve) => setTimeout(resolve, 200));
      return undefined;
    }
    let text = "";
    for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
      text += part;
      leave?.abort();
    }
    return text;
  }

  #fail(why: string): void {
    this.counts.failures.set(why, (this.counts.failures.get(why) ?? 0) + 1);
  }
}
