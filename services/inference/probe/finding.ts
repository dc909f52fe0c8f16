/** What came of trying one thing that an engine claims of a model. */
export type Finding =
  /** It was done. */
  | { readonly outcome: "shown" }
  /** It was asked for and not done; the reason is for people and holds neither prompt nor answer. */
  | { readonly outcome: "refuted"; readonly reason: string }
  /** It could not be tried; it is tried again later and does not count until then. */
  | { readonly outcome: "undecided"; readonly reason: string };

/** It was done. */
export const shown: Finding = { outcome: "shown" };

/** It was asked for and not done. */
export const refuted = (reason: string): Finding => ({ outcome: "refuted", reason });

/** It could not be tried. */
export const undecided = (reason: string): Finding => ({ outcome: "undecided", reason });

/** Shown when a condition holds, otherwise refuted. */
export const shownIf = (holds: boolean, reason: string): Finding => (holds ? shown : refuted(reason));
