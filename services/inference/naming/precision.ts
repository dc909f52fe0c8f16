/**
 * Bits for each weight, as an engine's own name tells them: `q4_K_M` is 4, `bf16` 16, a name without any 0. A guide
 * for preferring one of two forms of a model, not a measure.
 */
export function toBits(engineName: string): number {
  for (const [pattern, bits] of patterns) {
    const found = pattern.exec(engineName);
    if (found !== null) return bits ?? Number(found[1]);
  }
  return 0;
}

/** Each stands behind a separator and is no part of a longer word. */
const patterns: readonly (readonly [RegExp, number | undefined])[] = [
  [/[-._:](?:f|fp)32(?![a-z0-9])/i, 32],
  [/[-._:](?:bf|f|fp)16(?![a-z0-9])/i, 16],
  [/[-._:](?:fp8|int8|w8a\d+)(?![a-z0-9])/i, 8],
  [/[-._:](?:nvfp4|mxfp4|int4|awq|gptq|bnb)(?![a-z0-9])/i, 4],
  [/[-._:](?:i?q|tq)(\d)(?![0-9])/i, undefined],
  [/[-._:](\d)-?bit(?![a-z0-9])/i, undefined],
];
