import { hash } from "node:crypto";
import type { Addon, AddonModel } from "./addon.ts";
import type { Context } from "./context.ts";

/**
 * Whether logits of this idle context are equal to the last bit however they are computed: a prompt at once and in
 * pieces, single tokens alone and beside other sequences. Then a digest of them, which is equal wherever the same
 * model is computed alike: it depends on the instruction set in use, the batch rule and everything else that
 * changes a token. Otherwise undefined. Computes about 60 tokens.
 */
export async function measureExactness(
  addon: Addon,
  model: AddonModel,
  context: Context,
  vocabularySize: number,
): Promise<string | undefined> {
  const sampler = new addon.AddonSampler(model);
  sampler.applyConfig({ temperature: 0 });
  const read = async (place: number) => {
    const [, probabilities] = await context.native.sampleToken(place, sampler, true, false);
    return hash("sha256", Float64Array.from(probabilities));
  };
  try {
    const tokens = Array.from(
      { length: promptTokens + steps },
      (_, index) => (index * 7919) % vocabularySize,
    );
    const alone = await computeAlone(context, tokens, read);
    const beside = await computeBeside(context, tokens, read);
    return alone.join() === beside.join() ? alone.join() : undefined;
  } finally {
    sampler.dispose();
    for (const sequence of context.sequences) await sequence.clear();
  }
}

type Read = (place: number) => Promise<string>;

/** The prompt at once, then token by token. */
async function computeAlone(
  { sequences: [first] }: Context,
  tokens: readonly number[],
  read: Read,
): Promise<string[]> {
  const digests: string[] = [];
  await first!.compute(tokens.slice(0, promptTokens));
  for (const token of tokens.slice(promptTokens)) digests.push(await first!.evaluate([token], read));
  await first!.clear();
  return digests;
}

/** The prompt in small pieces, on which some models depend most; then token by token while all others compute, too. */
async function computeBeside(
  { sequences }: Context,
  tokens: readonly number[],
  read: Read,
): Promise<string[]> {
  const digests: string[] = [];
  const last = sequences.at(-1)!;
  const others = sequences.slice(0, Math.min(mostOthers, sequences.length - 1));
  await last.compute(tokens.slice(0, firstPiece));
  for (const token of tokens.slice(firstPiece, promptTokens)) await last.compute([token]);
  for (const [index, token] of tokens.slice(promptTokens).entries()) {
    const [digest] = await Promise.all([
      last.evaluate([token], read),
      ...others.map((other, number) => other.compute([tokens[number + index]!])),
    ]);
    digests.push(digest);
  }
  return digests;
}

const promptTokens = 16;
const firstPiece = 5;
const steps = 2;
const mostOthers = 7;
