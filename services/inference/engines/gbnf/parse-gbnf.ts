/** Characters that one position of a grammar takes: code points in ranges, both ends included. */
export interface CharacterSet {
  readonly negated: boolean;
  /** From, to, from, to, … */
  readonly ranges: readonly number[];
}

/** A position in a rule, where either a character or a rule is next. */
export interface Position {
  readonly takes: CharacterSet | Rule;
  /** Undefined at the end of an alternative. */
  next: Position | undefined;
}

/** A rule as llama.cpp holds it: groups and repetitions have become rules of their own. */
export interface Rule {
  /** The first position of each alternative; undefined for an empty one. */
  readonly alternatives: (Position | undefined)[];
  /** Whether the grammar's text has it under a name. */
  readonly named: boolean;
}

/** Whether a position takes a rule instead of a character. */
export const isRule = (takes: CharacterSet | Rule): takes is Rule => "alternatives" in takes;

/** A grammar as llama.cpp holds it. */
export interface ParsedGrammar {
  readonly root: Rule;
  /** All rules, in the order in which llama.cpp numbers them. */
  readonly rules: readonly Rule[];
}

/** Parses a grammar that `GrammarBuilder` built. */
export function parseGbnf(gbnf: string): ParsedGrammar {
  return new Parser(gbnf).parse();
}

type Symbols = (CharacterSet | Rule)[];

class Parser {
  readonly #text: string;
  readonly #rules: Rule[] = [];
  readonly #names = new Map<string, Rule>();
  readonly #characters = new Map<number, CharacterSet>();
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): ParsedGrammar {
    while (this.#at < this.#text.length) {
      const rule = this.#named(this.#name());
      this.#take(" ::= ");
      this.#alternatives(rule);
      this.#take("\n");
    }
    return { root: this.#named("root"), rules: this.#rules };
  }

  #alternatives(rule: Rule): void {
    for (;;) {
      rule.alternatives.push(chain(this.#sequence()));
      if (this.#text[this.#at] !== "|") return;
      this.#at++;
    }
  }

  #sequence(): Symbols {
    const sequence: Symbols = [];
    for (;;) {
      while (this.#text[this.#at] === " ") this.#at++;
      const from = sequence.length;
      const character = this.#text[this.#at];
      if (character === undefined || character === "\n" || character === "|" || character === ")")
        return sequence;
      if (character === '"') this.#literal(sequence);
      else if (character === "[") sequence.push(this.#class());
      else if (character === "(") sequence.push(this.#group());
      else sequence.push(this.#named(this.#name()));
      this.#repetition(sequence, from);
    }
  }

  #literal(sequence: Symbols): void {
    this.#at++;
    while (this.#text[this.#at] !== '"') {
      const codePoint = this.#codePoint();
      const known = this.#characters.get(codePoint);
      const character = known ?? { negated: false, ranges: [codePoint, codePoint] };
      if (known === undefined) this.#characters.set(codePoint, character);
      sequence.push(character);
    }
    this.#at++;
  }

  #class(): CharacterSet {
    const negated = this.#text[++this.#at] === "^";
    if (negated) this.#at++;
    const ranges: number[] = [];
    while (this.#text[this.#at] !== "]") {
      const from = this.#codePoint();
      const isRange = this.#text[this.#at] === "-" && this.#text[this.#at + 1] !== "]";
      if (isRange) this.#at++;
      ranges.push(from, isRange ? this.#codePoint() : from);
    }
    this.#at++;
    return { negated, ranges };
  }

  #group(): Rule {
    this.#at++;
    const rule = this.#rule();
    this.#alternatives(rule);
    this.#take(")");
    return rule;
  }

  /** Repeats what follows `from`: required ones are copied, optional ones nest in each other. */
  #repetition(sequence: Symbols, from: number): void {
    const [min, max] = this.#times();
    if (min === 1 && max === 1) return;
    const item = sequence.splice(from);
    for (let count = 0; count < min; count++) for (const symbol of item) sequence.push(symbol);
    let rest: Rule | undefined;
    for (let count = min; count < (max ?? min + 1); count++) {
      const more = this.#rule();
      const then = max === undefined ? more : rest;
      more.alternatives.push(chain(then === undefined ? item : [...item, then]), undefined);
      rest = more;
    }
    if (rest !== undefined) sequence.push(rest);
  }

  #times(): [min: number, max: number | undefined] {
    const character = this.#text[this.#at];
    if (character !== "*" && character !== "+" && character !== "?" && character !== "{") return [1, 1];
    this.#at++;
    if (character !== "{") return [character === "+" ? 1 : 0, character === "?" ? 1 : undefined];
    const end = this.#text.indexOf("}", this.#at);
    const [min, max = min] = this.#text.slice(this.#at, end).split(",");
    this.#at = end + 1;
    return [Number(min), max === "" ? undefined : Number(max)];
  }

  #codePoint(): number {
    if (this.#text[this.#at] !== "\\") {
      const codePoint = this.#text.codePointAt(this.#at)!;
      this.#at += codePoint > 0xffff ? 2 : 1;
      return codePoint;
    }
    const letter = this.#text[this.#at + 1]!;
    const digits = { x: 2, u: 4, U: 8 }[letter] ?? 0;
    this.#at += 2 + digits;
    if (digits > 0) return Number.parseInt(this.#text.slice(this.#at - digits, this.#at), 16);
    return ({ n: "\n", r: "\r", t: "\t" }[letter] ?? letter).codePointAt(0)!;
  }

  #name(): string {
    nameText.lastIndex = this.#at;
    const [name] = nameText.exec(this.#text) ?? [];
    if (name === undefined) throw this.#unexpected();
    this.#at += name.length;
    return name;
  }

  #named(name: string): Rule {
    const rule = this.#names.get(name) ?? this.#rule(true);
    this.#names.set(name, rule);
    return rule;
  }

  #rule(named = false): Rule {
    const rule: Rule = { alternatives: [], named };
    this.#rules.push(rule);
    return rule;
  }

  #take(expected: string): void {
    if (!this.#text.startsWith(expected, this.#at)) throw this.#unexpected();
    this.#at += expected.length;
  }

  #unexpected = (): Error => new Error(`unexpected text in a grammar at ${this.#at}`);
}

const nameText = /[0-9A-Za-z-]+/y;

/** The first position of a sequence. */
function chain(symbols: Symbols): Position | undefined {
  let next: Position | undefined;
  for (let index = symbols.length - 1; index >= 0; index--) next = { takes: symbols[index]!, next };
  return next;
}
