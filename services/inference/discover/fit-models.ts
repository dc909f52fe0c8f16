import type { ModelFileFacts } from "../engines/llama-cpp/index.ts";
import { defaultSlots, inGiB } from "../engines/llama-cpp/native/memory-plan.ts";

/** Which models fit into memory together, and how many slots each gets. */
export interface Fit {
  readonly serve: readonly { readonly model: ModelFileFacts; readonly slots: number }[];
  /** Those that do not fit, with figures and what to do. */
  readonly leftOut: readonly { readonly model: ModelFileFacts; readonly why: string }[];
}

/** Takes models in order while one slot fits, then shares the rest slot by slot. A set number is kept. */
export function fitModels(
  models: readonly ModelFileFacts[],
  availableBytes: number,
  wishedSlots: number | undefined,
): Fit {
  const serve: { model: ModelFileFacts; slots: number }[] = [];
  const leftOut: { model: ModelFileFacts; why: string }[] = [];
  let leftBytes = availableBytes;
  for (const model of models) {
    const namesake = serve.find((one) => one.model.name === model.name);
    if (namesake !== undefined) {
      leftOut.push({ model, why: sameName(namesake.model.path) });
      continue;
    }
    const slots = wishedSlots ?? 1;
    const bytes = model.need.fixedBytes + slots * model.need.slotBytes;
    if (bytes > leftBytes)
      leftOut.push({ model, why: tooLarge(bytes, Math.max(0, leftBytes), serve.length) });
    else {
      leftBytes -= bytes;
      serve.push({ model, slots });
    }
  }
  if (wishedSlots === undefined)
    for (let slots = 2; slots <= defaultSlots; slots++)
      for (const one of serve)
        if (one.model.need.slotBytes <= leftBytes) {
          leftBytes -= one.model.need.slotBytes;
          one.slots++;
        }
  return { serve, leftOut };
}

/** Why a model is left out; `others` were taken before it. */
export const tooLarge = (needBytes: number, leftBytes: number, others: number): string =>
  others === 0
    ? `too large: it takes ${inGiB(needBytes)} of memory, and ${inGiB(leftBytes)} are available. Choose a smaller model or quantization, fewer slots or a smaller context`
    : `too large beside the others: it takes ${inGiB(needBytes)} of memory, and ${inGiB(leftBytes)} are left. Serve it alone with --model FILE, or close other programs`;

/** Why a model with the same name as another is left out; `path` is the other's. */
export const sameName = (path: string): string => `named like ${path}. Rename one of them to serve both`;
