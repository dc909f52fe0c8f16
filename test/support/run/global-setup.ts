import { randomUUID } from "node:crypto";
import type { TestProject } from "vitest/node";
import { killRun, runMark, watchRun } from "./reaper.ts";
import { serveSharedMeshes } from "./shared-meshes.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Where test files ask for the meshes that they share. */
    readonly sharedMeshes: string;
  }
}

/** Before the first test that runs processes, and after the last. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const id = randomUUID();
  watchRun(id);
  process.env[runMark] = id;
  const meshes = await serveSharedMeshes();
  project.provide("sharedMeshes", meshes.url);
  return async () => {
    await meshes.close();
    const left = killRun(id);
    if (left.length > 0)
      throw new Error(`Tests have left processes running:\n${left.map(({ command }) => command).join("\n")}`);
  };
}
