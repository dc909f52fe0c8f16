import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { systemClock } from "../../../core/clock.ts";
import { silentLog } from "../../../core/telemetry/log.ts";
import { createLlamaCppEngine } from "../engines/llama-cpp/index.ts";
import type { Findings } from "./trial.ts";
import { withProbes } from "./with-probes.ts";

const modelPath = fileURLToPath(new URL("../../../models/starter.gguf", import.meta.url));

test("the embedded engine does all that it claims, as its contract tests show at greater length", async () => {
  const surroundings = { clock: systemClock, log: silentLog };
  const never = new AbortController().signal;
  const inner = createLlamaCppEngine({ modelPath, slots: 4, ...surroundings });
  let found: Findings = new Map();
  const onProbed = (_: unknown, findings: Findings) => {
    found = findings;
  };
  const engine = withProbes(inner, { ...surroundings, onProbed });
  try {
    const claimed = await inner.models(never);
    expect(await engine.models(never)).toEqual(claimed);
    const outcomes = [...found].map(([name, { outcome }]) => `${name} ${outcome}`);
    expect(outcomes).toHaveLength(12);
    expect(outcomes.filter((line) => !line.endsWith(" shown"))).toEqual([]);
  } finally {
    await engine.close();
  }
});
