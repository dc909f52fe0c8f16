/** Wraps a function and keeps its type. */
export type Layer<F> = (next: F) => F;

/** Puts layers around a core; the array reads in call order: the first layer is called first. */
export const stack = <F>(layers: readonly Layer<F>[], core: F): F =>
  layers.reduceRight((next, layer) => layer(next), core);
