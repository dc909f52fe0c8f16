import { hash } from "node:crypto";
import { parseArgs } from "node:util";
import { silentLog } from "../../core/telemetry/log.ts";
import {
  type Addon,
  type AddonModel,
  loadAddon,
} from "../../services/inference/engines/llama-cpp/native/addon.ts";
import {
  type BatchRule,
  even,
  flash,
  free,
} from "../../services/inference/engines/llama-cpp/native/batch-rules.ts";
import { type Context, openContext } from "../../services/inference/engines/llama-cpp/native/context.ts";
import { alignColumns } from "../relay/table.ts";

/** How to call it. */
export const usage = `npm run bench -- batches [options] [FILE.gguf …]

What the embedded engine's batch rules cost, in CPU time for each token, and how many logits they leave as they are when
the same tokens are computed beside others and one by one. Default: the starter model.

  --rounds N              how often each rule is measured, in turns (3)
  --steps N               tokens of each sequence in each round (24)
`;

const rules: readonly BatchRule[] = [free, even, flash];
const widths = [1, 2, 4, 8];
const sequences = Math.max(...widths);
const promptTokens = 255;

/** Measures and prints. Returns the exit code. */
export async function batches(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: "string", default: "3" },
      steps: { type: "string", default: "24" },
    },
  });
  const [rounds, steps] = [Number(values.rounds), Number(values.steps)];
  if (![rounds, steps].every((count) => Number.isInteger(count) && count > 0))
    throw new Error("--rounds and --steps take whole numbers from 1.");
  const addon = await loadAddon(silentLog);
  for (const path of positionals.length === 0 ? ["models/starter.gguf"] : positionals) {
    const model = new addon.AddonModel(path, {
      addonExports: addon,
      gpuLayers: 0,
      useMmap: true,
      onLoadProgress: () => {},
      hasLoadAbortSignal: true,
    });
    if (!(await model.init())) throw new Error(`${path} cannot be loaded.`);
    process.stdout.write(`\n${path}\n\n${await reportOf(addon, model, rounds, steps)}`);
    await model.dispose();
  }
  return 0;
}

async function reportOf(addon: Addon, model: AddonModel, rounds: number, steps: number): Promise<string> {
  const costs = new Map(rules.map((rule) => [rule, [] as number[][]]));
  const changed = new Map<BatchRule, string>();
  for (let round = 0; round < rounds; round++)
    for (const rule of rules) {
      const options = { sequences, contextSize: 512, threads: 1, rule, embeddings: false };
      const context = await openContext(addon, model, options);
      costs.get(rule)!.push(await measureCosts(context, steps));
      if (round === 0) changed.set(rule, await countChanged(addon, model, context));
      await context.native.dispose();
    }
  const medians = [...costs.values()].map((of) =>
    of[0]!.map((_, part) => median(of.map((row) => row[part]!))),
  );
  const rows = ["prefill", ...widths.map((width) => `decode, ${width} at a time`)].map((title, part) => [
    title,
    ...medians.map((row) => `${row[part]!.toFixed(2)} (${(row[part]! / medians[0]![part]!).toFixed(2)})`),
  ]);
  return alignColumns([
    ["CPU ms for each token (x free)", ...rules.map(({ name }) => name)],
    ...rows,
    ["logits that changed", ...changed.values()],
  ]);
}

/** CPU milliseconds for each token: of a prompt, then of single tokens of so many sequences at a time. */
async function measureCosts({ sequences: all }: Context, steps: number): Promise<number[]> {
  const costs = [await cpuMs(() => all[0]!.compute(tokensOf(promptTokens)), promptTokens)];
  for (const sequence of all) {
    await sequence.clear();
    await sequence.compute(tokensOf(32));
  }
  for (const width of widths) {
    const some = all.slice(0, width);
    const decode = async () => {
      for (let step = 0; step < steps; step++)
        await Promise.all(some.map((sequence) => sequence.evaluate([5 + step], () => undefined)));
    };
    costs.push(await cpuMs(decode, steps * width));
    for (const sequence of some) await sequence.keep(tokensOf(32));
  }
  for (const sequence of all) await sequence.clear();
  return costs;
}

/** Of the logits behind each of many tokens, how many differ beside seven others, and behind a prompt that was read token by token. */
async function countChanged(
  addon: Addon,
  model: AddonModel,
  { native, sequences: all }: Context,
): Promise<string> {
  const sampler = new addon.AddonSampler(model);
  sampler.applyConfig({ temperature: 0 });
  const read = async (place: number) =>
    hash("sha256", Float64Array.from((await native.sampleToken(place, sampler, true, false))[1]));
  const [start, tokens] = [100, tokensOf(200)];
  const [first, last] = [all[0]!, all.at(-1)!];
  const alone: string[] = [];
  await first.compute(tokens.slice(0, start));
  for (const token of tokens.slice(start)) alone.push(await first.evaluate([token], read));
  await first.clear();
  let changed = 0;
  await last.compute(tokens.slice(0, start));
  for (const [index, token] of tokens.slice(start).entries()) {
    const others = all.slice(0, -1).map((other) => other.compute([7 + index]));
    const [digest] = await Promise.all([last.evaluate([token], read), ...others]);
    if (digest !== alone[index]) changed++;
  }
  await first.clear();
  for (const [at, token] of tokens.entries()) {
    const digest = await first.evaluate([token], read);
    if (at >= start && digest !== alone[at - start]) changed++;
  }
  sampler.dispose();
  return `${changed} of ${2 * alone.length}`;
}

/** Tokens that every vocabulary has. */
const tokensOf = (count: number): number[] =>
  Array.from({ length: count }, (_, index) => 3 + ((index * 31) % 250));

/** CPU milliseconds that work takes, for each of so many tokens. */
async function cpuMs(work: () => Promise<unknown>, tokens: number): Promise<number> {
  const { user } = process.cpuUsage();
  await work();
  return (process.cpuUsage().user - user) / 1000 / tokens;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
