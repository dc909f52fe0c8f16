import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { findAddon } from "../../services/inference/engines/llama-cpp/native/platform.ts";
import { starterPath } from "../support/inference/llama-cpp/engines.ts";

const script = fileURLToPath(new URL("../support/inference/llama-cpp/digest-of-logits.ts", import.meta.url));

/** What the starter model computes on a CPU of which llama.cpp uses no more than one of its backends does. */
async function digestWith(backend: string): Promise<string> {
  const bins = dirname(findAddon().path);
  const folder = await mkdtemp(join(tmpdir(), "cxmpute-backend-"));
  try {
    for (const name of await readdir(bins))
      if (!name.startsWith("libggml-cpu-") || name === `libggml-cpu-${backend}.so`)
        await symlink(join(bins, name), join(folder, name));
    const addon = join(folder, "llama-addon.node");
    const { stdout } = await promisify(execFile)(process.execPath, [script, addon, starterPath]);
    return stdout;
  } finally {
    await rm(folder, { recursive: true });
  }
}

test.skipIf(process.platform !== "linux" || process.arch !== "x64")(
  "logits are exact under each instruction set, and differ between them, which the fingerprint shows",
  async () => {
    const base = await digestWith("x64");
    const sse = await digestWith("sse42");
    expect([base, sse]).toEqual([
      expect.stringMatching(/^[0-9a-f]{64}/),
      expect.stringMatching(/^[0-9a-f]{64}/),
    ]);
    expect(await digestWith("x64")).toBe(base);
    expect(sse).not.toBe(base);
  },
);
