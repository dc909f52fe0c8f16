import { beforeAll, describe } from "vitest";
import { shapes } from "../../support/mesh.ts";
import { type SharedMesh, sharedMesh } from "../../support/shared-mesh.ts";

/** Runs the same tests against both shapes of a mesh with the starter model; `mesh` is to be called in a test. */
export function describeMeshes(who: string, tests: (mesh: () => SharedMesh) => void): void {
  describe.each(shapes)(`${who} at a mesh %s`, (shape) => {
    let mesh: SharedMesh;
    beforeAll(async () => {
      mesh = await sharedMesh(shape);
    });
    tests(() => mesh);
  });
}

/** What every client asks; the starter model knows the answer. */
export const capital = "What is the capital of France?";

/** What makes the starter model call `get_weather` with Oslo, even when it is free to. */
export const weather = "What is the weather in Oslo?";

/** Something that takes the starter model so many tokens that a client can leave before the end. */
export const longTask = "Count from 1 to 100.";
