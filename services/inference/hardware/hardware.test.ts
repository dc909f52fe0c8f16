import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseNvidiaSmi, readAmdGpus, readHardware } from "./read-hardware.ts";

const shownGpus = (gpus: { name: string; memoryBytes: bigint }[]) =>
  gpus.map(({ name, memoryBytes }) => `${name}: ${memoryBytes >> 20n} MiB`);

describe("NVIDIA's tool", () => {
  test("tells a card a line", () => {
    const output = "NVIDIA GeForce RTX 4090, 24564\nNVIDIA H200, 143771\n";
    expect(shownGpus(parseNvidiaSmi(output))).toEqual([
      "NVIDIA GeForce RTX 4090: 24564 MiB",
      "NVIDIA H200: 143771 MiB",
    ]);
  });

  test.each([
    ["NVIDIA GB10, [N/A]\n", ["NVIDIA GB10: 0 MiB"], "a card without memory of its own"],
    ["No devices were found\n", [], "no card"],
    ["\u001b[31mEvil\u0007 card, 1\n", ["[31mEvil card: 1 MiB"], "control characters"],
    ["", [], "nothing"],
  ])("says %j of %s", (output, shown) => {
    expect(shownGpus(parseNvidiaSmi(output))).toEqual(shown);
  });
});

describe("Linux's folder of cards", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "cxmpute-drm-"));
    const files: Record<string, Record<string, string>> = {
      card0: {
        vendor: "0x1002\n",
        product_name: "Radeon RX 7900 XTX\n",
        mem_info_vram_total: "25753026560\n",
      },
      card1: { vendor: "0x8086\n" },
      card2: { vendor: "0x1002\n" },
      "card0-DP-1": { vendor: "0x1002\n" },
    };
    for (const [card, contents] of Object.entries(files)) {
      const device = join(folder, card, "device");
      await mkdir(device, { recursive: true });
      for (const [name, content] of Object.entries(contents)) await writeFile(join(device, name), content);
    }
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("shows AMD's with what the driver tells, and neither other makers' nor sockets", async () => {
    expect(shownGpus(await readAmdGpus(folder))).toEqual([
      "Radeon RX 7900 XTX: 24560 MiB",
      "AMD graphics: 0 MiB",
    ]);
  });

  test("need not be there", async () => {
    expect(await readAmdGpus(join(folder, "nowhere"))).toEqual([]);
  });
});

test("this machine has a platform, cores and memory", async () => {
  const { platform, cores, memoryBytes } = await readHardware();
  expect(platform).toBe(`${process.platform} ${process.arch}`);
  expect(cores).toBe(availableParallelism());
  expect(memoryBytes).toBeGreaterThan(2n ** 26n);
  expect(memoryBytes).toBeLessThanOrEqual(BigInt(totalmem()));
});
