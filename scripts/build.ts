import { rm } from "node:fs/promises";
import { join } from "node:path";
import { program, projectFolder, runSteps } from "./steps.ts";

// Makes dist/, what the published package runs: JavaScript and type declarations. `npm pack` and `npm publish` do this.

await rm(join(projectFolder, "dist"), { recursive: true, force: true });
process.exitCode = await runSteps([program("dist/: built", "tsc", "-p", "tsconfig.build.json")]);
