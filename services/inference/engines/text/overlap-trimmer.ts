/**
 * Removes from the beginning of a continuation what the caller already has. Some servers repeat the whole
 * partial answer in one piece, and its last characters are sometimes left to the model to write again. From
 * the first difference on, everything is new.
 */
export class OverlapTrimmer {
  #whole: string;
  #left: string;

  /** `again`: characters that may be repeated; `whole`: the text before them. */
  constructor(again: string, whole = "") {
    this.#left = again;
    this.#whole = whole;
  }

  /** Takes more text and returns the new part of it. */
  push(piece: string): string {
    if (piece === "") return "";
    const text =
      this.#whole !== "" && piece.startsWith(this.#whole) ? piece.slice(this.#whole.length) : piece;
    this.#whole = "";
    let same = 0;
    while (same < this.#left.length && text[same] === this.#left[same]) same++;
    if (text !== "") this.#left = same === text.length ? this.#left.slice(same) : "";
    return text.slice(same);
  }
}
