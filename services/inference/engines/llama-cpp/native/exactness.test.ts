import { expect, test } from "vitest";
import { silentLog } from "../../../../../core/telemetry/log.ts";
import { starterPath, starterVocabulary } from "../../../../../test/support/inference/llama-cpp/engines.ts";
import { loadAddon } from "./addon.ts";
import { type BatchRule, even, flash, free } from "./batch-rules.ts";
import { openContext } from "./context.ts";
import { measureExactness } from "./exactness.ts";

/** Digests of the starter model's logits, which has weights in f16. */
async function measure(...setups: readonly { rule: BatchRule; sequences: number }[]) {
  const addon = await loadAddon(silentLog);
  const model = new addon.AddonModel(starterPath, {
    addonExports: addon,
    gpuLayers: 0,
    useMmap: true,
    onLoadProgress: () => {},
    hasLoadAbortSignal: true,
  });
  await model.init();
  const { size: vocabularySize } = await starterVocabulary();
  const digests: (string | undefined)[] = [];
  for (const setup of setups) {
    const context = await openContext(addon, model, {
      ...setup,
      contextSize: 256,
      threads: 1,
      embeddings: false,
    });
    digests.push(await measureExactness(addon, model, context, vocabularySize));
    expect(context.sequences.map(({ length }) => length)).toEqual(context.sequences.map(() => 0));
    await context.native.dispose();
  }
  await model.dispose();
  return digests;
}

test("logits of floats are exact in even pieces, whatever the number of sequences, and not in free ones", async () => {
  const [eight, one, freely, byFlash] = await measure(
    { rule: even, sequences: 8 },
    { rule: even, sequences: 1 },
    { rule: free, sequences: 4 },
    { rule: flash, sequences: 4 },
  );
  expect(eight).toMatch(/^[0-9a-f]{64},/);
  expect(one).toBe(eight);
  expect([freely, byFlash]).toEqual([undefined, undefined]);
});
