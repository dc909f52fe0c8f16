import { inject } from "vitest";
import type { Mesh, Shape } from "./mesh.ts";
import type { LogLine } from "./program.ts";

/** A mesh with the starter model that many test files use at the same time; none of them may change it. */
export type SharedMesh = Omit<Mesh, "programs" | "join" | "restart" | "stop"> & {
  /** The first line in the log of any of its processes, past or future, that the predicate accepts. */
  logged(predicate: (line: LogLine) => boolean): Promise<LogLine>;
};

/** The shared mesh of a shape. It is started when the first test file asks for it, and ended with the run. */
export async function sharedMesh(shape: Shape): Promise<SharedMesh> {
  const at = `${inject("sharedMeshes")}/${shape.replaceAll(" ", "-")}`;
  const started = await fetch(at);
  if (!started.ok) throw new Error(await started.text());
  return {
    ...((await started.json()) as Omit<SharedMesh, "logged">),
    async logged(predicate) {
      for (;;) {
        const lines = (await (await fetch(`${at}/log`)).json()) as LogLine[];
        const line = lines.find(predicate);
        if (line !== undefined) return line;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
  };
}
