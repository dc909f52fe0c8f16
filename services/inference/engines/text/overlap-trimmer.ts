/** Removes what the caller has already: some servers repeat the whole text, and some models its end. */
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
