import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { starterPath } from "../../../test/support/inference/llama-cpp/engines.ts";
import { findModelFiles } from "./find-model-files.ts";
import { fitModels } from "./fit-models.ts";

const { signal } = new AbortController();
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cxmpute-models-"));
  mkdirSync(join(folder, "publisher", "repository"), { recursive: true });
  const starter = readFileSync(starterPath);
  writeFileSync(join(folder, "publisher", "repository", "deep.gguf"), starter);
  symlinkSync(starterPath, join(folder, "linked.GGUF"));
  symlinkSync(folder, join(folder, "loop"));
  symlinkSync(join(folder, "nothing"), join(folder, "broken.gguf"));
  writeFileSync(join(folder, "cut.gguf"), starter.subarray(0, 1_000_000));
  writeFileSync(join(folder, "text.gguf"), "This is no model.");
  writeFileSync(join(folder, "notes.txt"), "This claims to be nothing.");
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("the files of a folder", () => {
  test("are found below it and through links, and what is broken is told with what is wrong", async () => {
    const { models, faults, cut } = await findModelFiles(folder, { signal });
    expect(models.map(({ name, architecture }) => `${name} ${architecture}`)).toEqual([
      "linked llama",
      "deep llama",
    ]);
    expect(models[0]!.need).toMatchObject({ contextSize: 1024 });
    expect(faults.map(({ path }) => path)).toEqual([join(folder, "cut.gguf"), join(folder, "text.gguf")]);
    expect(faults[0]!.why).toContain("is cut off");
    expect(faults[1]!.why).toContain("is not a GGUF model");
    expect(cut).toBe(false);
  });

  test("are not looked for in what is no folder", async () => {
    const message = (path: string) => findModelFiles(path, { signal }).catch((error: Error) => error.message);
    expect(await message(join(folder, "nowhere"))).toBe(
      `cannot look for models in ${join(folder, "nowhere")}: there is no such folder.`,
    );
    expect(await message(join(folder, "notes.txt"))).toContain(
      "it is not a folder. To serve one file, use --model FILE",
    );
  });

  test("are given up when the signal aborts", async () => {
    await expect(findModelFiles(folder, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow(
      "enough",
    );
  });
});

describe("models in memory", () => {
  const gib = 1024 ** 3;
  const model = (name: string, fixedGib: number) => ({
    path: `/m/${name}.gguf`,
    name,
    architecture: "llama",
    sizeBytes: fixedGib * gib,
    need: { contextSize: 4096, slotBytes: gib / 2, fixedBytes: fixedGib * gib },
  });
  const slotsOf = (fit: ReturnType<typeof fitModels>) =>
    Object.fromEntries(fit.serve.map(({ model: { name }, slots }) => [name, slots]));

  test("share what is left, a slot each in turn", () => {
    expect(slotsOf(fitModels([model("a", 5), model("b", 2)], 9.5 * gib, undefined))).toEqual({ a: 3, b: 2 });
  });

  test("get no more slots than an engine offers by itself", () => {
    expect(slotsOf(fitModels([model("a", 1)], 64 * gib, undefined))).toEqual({ a: 8 });
  });

  test("that are too large are left out with figures, and smaller ones behind them are not", () => {
    const fit = fitModels([model("a", 5), model("huge", 40), model("b", 2)], 8.5 * gib, undefined);
    expect(slotsOf(fit)).toEqual({ a: 2, b: 1 });
    expect(fit.leftOut.map(({ why }) => why)).toEqual([
      "too large beside the others: it takes 40.5 GiB of memory, and 3.0 GiB are left. Serve it alone with --model FILE, or close other programs",
    ]);
    expect(fitModels([model("huge", 40)], 8 * gib, undefined).leftOut[0]!.why).toBe(
      "too large: it takes 40.5 GiB of memory, and 8.0 GiB are available. Choose a smaller model or quantization, fewer slots or a smaller context",
    );
  });

  test("have the slots that are wished for, or are left out", () => {
    const fit = fitModels([model("a", 1), model("b", 1)], 5.9 * gib, 4);
    expect(slotsOf(fit)).toEqual({ a: 4 });
    expect(fit.leftOut.map(({ model: { name } }) => name)).toEqual(["b"]);
  });

  test("of one name are served once", () => {
    const fit = fitModels([model("a", 1), { ...model("a", 1), path: "/other/a.gguf" }], 64 * gib, undefined);
    expect(fit.serve).toHaveLength(1);
    expect(fit.leftOut.map(({ why }) => why)).toEqual([
      "named like /m/a.gguf. Rename one of them to serve both",
    ]);
  });
});
