/**
 * Takes off the beginning of a text what of it was there already: an answer that goes on is sometimes let write its last
 * characters once more. From where the two differ everything is new.
 */
export class WrittenAgain {
  /** What is still to be written again. */
  #left: string;

  /** `there`: what was there already. */
  constructor(there: string) {
    this.#left = there;
  }

  /** Takes more text and returns what of it is new. */
  push(text: string): string {
    let same = 0;
    while (same < this.#left.length && text[same] === this.#left[same]) same++;
    if (text !== "") this.#left = same === text.length ? this.#left.slice(same) : "";
    return text.slice(same);
  }
}
