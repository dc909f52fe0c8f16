/** Joins text that was cut within a character: half a surrogate pair at the end waits for its other half. */
export class WholeCharacters {
  #held = "";

  /** The whole characters of what was held and what came. */
  push(text: string): string {
    if (text === "") return "";
    const all = this.#held + text;
    const end = isHighSurrogate(all.charCodeAt(all.length - 1)) ? all.length - 1 : all.length;
    this.#held = all.slice(end);
    return all.slice(0, end);
  }
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
