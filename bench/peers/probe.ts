import type { Child } from "../processes/child.ts";
import { until } from "../processes/until.ts";
import type { Target } from "./contract.ts";

/** Longest time from a peer's start to its first answer. */
const startTimeoutMs = 30_000;

/** Resolves once every model answers a short request with 200; throws with the reason when that does not come. */
export async function answers(
  target: Target,
  children: readonly Child[],
  models: readonly string[] = ["instant"],
): Promise<void> {
  for (const model of models) {
    let last = "nothing yet";
    const ask = async () => {
      const ended = children.find(({ alive }) => !alive);
      if (ended !== undefined) throw new Error(`It ended at once: ${ended.lastWords()}`);
      last = await askOnce(target, model);
      return last === "200";
    };
    await until(ask, startTimeoutMs, () => `It did not answer for model ${model}; last: ${last}`);
  }
}

/** One short request; the status, with the body when that is not 200, or why there was none. */
async function askOnce({ port, headers }: Target, model: string): Promise<string> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify({ model, max_tokens: 1, messages: [{ role: "user", content: "Hello" }] }),
      signal: AbortSignal.timeout(5000),
    });
    const body = await response.text();
    return response.status === 200 ? "200" : `${response.status} ${body.slice(0, 200)}`;
  } catch (error) {
    return error instanceof Error ? `${error.message} ${String(error.cause ?? "")}` : String(error);
  }
}
