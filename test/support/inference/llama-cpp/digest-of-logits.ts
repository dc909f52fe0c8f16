import { createRequire } from "node:module";
import { dirname } from "node:path";
import type { Addon } from "../../../../services/inference/engines/llama-cpp/native/addon.ts";
import { even } from "../../../../services/inference/engines/llama-cpp/native/batch-rules.ts";
import { openContext } from "../../../../services/inference/engines/llama-cpp/native/context.ts";
import { measureExactness } from "../../../../services/inference/engines/llama-cpp/native/exactness.ts";

// A process of its own: `node digest-of-logits.ts ADDON MODEL` prints the digest of a model's logits, or `none`, as the
// addon at that path computes them. llama.cpp takes the CPU backend that suits the machine best from beside the addon.

const [addonPath = "", modelPath = ""] = process.argv.slice(2);
const addon = createRequire(import.meta.url)(addonPath) as Addon;
addon.setLogger(() => {});
addon.loadBackends();
if (addon.getGpuType() === undefined) addon.loadBackends(dirname(addonPath));
await addon.init();
const model = new addon.AddonModel(modelPath, {
  addonExports: addon,
  gpuLayers: 0,
  useMmap: true,
  onLoadProgress: () => {},
  hasLoadAbortSignal: true,
});
await model.init();
const options = { sequences: 2, contextSize: 256, threads: 1, rule: even, embeddings: false };
const digest = await measureExactness(addon, model, await openContext(addon, model, options), 256);
process.stdout.write(digest ?? "none");
process.exit();
