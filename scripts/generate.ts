import { compareProtos, lintProtos } from "./proto-steps.ts";
import { program, runSteps } from "./steps.ts";

// Makes gen/ from proto/, after the protos have been checked. `npm run generate`

process.exitCode = await runSteps([
  lintProtos,
  compareProtos,
  program("gen/: written from proto/", "buf", "generate"),
]);
