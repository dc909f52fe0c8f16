/** How elements of a tensor are stored: so many of them in a block of so many bytes. */
export interface TensorType {
  readonly elements: number;
  readonly bytes: number;
}

/** ggml's types by number (ggml.h, `enum ggml_type`, and the block structures of ggml-common.h). */
export const tensorTypes: ReadonlyMap<number, TensorType> = new Map(
  [
    ...[
      [0, 1, 4],
      [1, 1, 2],
      [24, 1, 1],
      [25, 1, 2],
      [26, 1, 4],
      [27, 1, 8],
      [28, 1, 8],
      [30, 1, 2],
    ], // plain
    ...[
      [2, 32, 18],
      [3, 32, 20],
      [6, 32, 22],
      [7, 32, 24],
      [8, 32, 34],
      [9, 32, 36],
    ], // Q4_0 … Q8_1
    ...[
      [10, 256, 84],
      [11, 256, 110],
      [12, 256, 144],
      [13, 256, 176],
      [14, 256, 210],
      [15, 256, 292],
    ], // Q2_K … Q8_K
    ...[
      [16, 256, 66],
      [17, 256, 74],
      [18, 256, 98],
      [19, 256, 50],
      [20, 32, 18],
    ], // IQ2_XXS … IQ4_NL
    ...[
      [21, 256, 110],
      [22, 256, 82],
      [23, 256, 136],
      [29, 256, 56],
    ], // IQ3_S, IQ2_S, IQ4_XS, IQ1_M
    ...[
      [34, 256, 54],
      [35, 256, 66],
      [39, 32, 17],
    ], // TQ1_0, TQ2_0, MXFP4
  ].map(([type, elements, bytes]) => [type!, { elements: elements!, bytes: bytes! }]),
);
