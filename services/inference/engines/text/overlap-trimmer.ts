/**
 * Takes off the beginning of a text what of it was there already. Some servers repeat a whole partial answer that they
 * continue, in one piece; and its last characters are sometimes left to the model to be written once more. From where the
 * two differ everything is new.
 */
export class OverlapTrimmer {
  /** Empty once the first text has come. */
  #whole: string;
  /** What is still to be written again. */
  #left: string;

  /** `again`: the characters that may be written once more; `whole`: what comes before them. */
  constructor(again: string, whole = "") {
    this.#left = again;
    this.#whole = whole;
  }

  /** Takes more text and returns what of it is new. */
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
