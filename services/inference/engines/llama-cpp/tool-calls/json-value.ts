/**
 * Finds the end of a JSON value in a stream of characters. It tracks brackets and strings only; parse the
 * complete value to validate it.
 */
export class JsonValueEnd {
  #kind: "unknown" | "string" | "nested" | "scalar" = "unknown";
  #open = "";
  #inString = false;
  #escaped = false;

  /**
   * Takes the next character. `last`: the value ends with it; `after`: it ended before; `bad`: invalid here.
   */
  push(character: string): "more" | "last" | "after" | "bad" {
    switch (this.#kind) {
      case "unknown":
        return this.#begin(character);
      case "scalar":
        if (scalarCharacter.test(character)) return "more";
        return valueEnd.test(character) ? "after" : "bad";
      default:
        return this.#inside(character);
    }
  }

  #begin(character: string): "more" | "bad" {
    if (character === '"') {
      this.#kind = "string";
      this.#inString = true;
    } else if (character === "{" || character === "[") {
      this.#kind = "nested";
      this.#open = character;
    } else if (/[-0-9tfn]/.test(character)) this.#kind = "scalar";
    else return "bad";
    return "more";
  }

  #inside(character: string): "more" | "last" | "bad" {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (character === "\\") this.#escaped = true;
      else if (character === '"') {
        this.#inString = false;
        if (this.#kind === "string") return "last";
      }
      return "more";
    }
    if (character === '"') this.#inString = true;
    else if (character === "{" || character === "[") this.#open += character;
    else if (character === "}" || character === "]") {
      if (this.#open.at(-1) !== (character === "}" ? "{" : "[")) return "bad";
      this.#open = this.#open.slice(0, -1);
      if (this.#open === "") return "last";
    }
    return "more";
  }
}

const scalarCharacter = /[-+.0-9a-zE]/;
const valueEnd = /[\s,\]}]/;
