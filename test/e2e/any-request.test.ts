import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { shapes } from "../support/mesh.ts";
import { type SharedMesh, sharedMesh } from "../support/shared-mesh.ts";
import { mutatedBodies } from "../support/translator/arbitrary-requests.ts";

describe.each(shapes)("a mesh %s, with the starter model", (shape) => {
  let mesh: SharedMesh;
  beforeAll(async () => {
    mesh = await sharedMesh(shape);
  });

  test("answers whatever is asked, all the way to the engine, with 200 or the client's fault", async () => {
    const statuses = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(mutatedBodies(mesh.model), async (body) => {
        const response = await fetch(`${mesh.url}/v1/chat/completions`, {
          method: "POST",
          headers: mesh.headers,
          body: JSON.stringify({ max_tokens: 8, ...body }),
          signal: AbortSignal.timeout(100_000),
        });
        const text = await response.text();
        statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
        if (response.status !== 200) {
          expect([400, 404], text).toContain(response.status);
          expect(Object.keys(JSON.parse(text).error)).toEqual(["message", "type", "param", "code"]);
        } else if (response.headers.get("content-type") === "text/event-stream")
          expect(text).toMatch(/data: \[DONE\]\n\n$/);
        else expect(JSON.parse(text)).toMatchObject({ object: "chat.completion" });
      }),
      { numRuns: 300 },
    );
    for (const status of [200, 400]) expect(statuses.get(status)).toBeGreaterThan(20);
  });
});
