import type { Mesh } from "../../test/support/mesh.ts";

/** Who asks. */
export type Account = Pick<Mesh, "apiKey" | "userId">;

/** What came of a request. */
export interface Outcome {
  readonly status: number;
  readonly retryAfter: string | null;
  /** From the request to the end of the response. */
  readonly ms: number;
}

/** Asks for one whole answer. */
export async function ask(mesh: Mesh, more: object, { apiKey, userId }: Account = mesh): Promise<Outcome> {
  const begun = performance.now();
  const response = await fetch(`${mesh.url}/v1/chat/completions`, {
    method: "POST",
    headers: { ...mesh.headers, authorization: `Bearer ${apiKey}`, "x-user-id": userId },
    body: JSON.stringify({
      model: mesh.model,
      messages: [{ role: "user", content: "Say something." }],
      ...more,
    }),
  });
  await response.arrayBuffer();
  const retryAfter = response.headers.get("retry-after");
  return { status: response.status, retryAfter, ms: performance.now() - begun };
}
