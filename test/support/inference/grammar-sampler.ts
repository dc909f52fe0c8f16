/**
 * Draws random texts that a GBNF grammar matches, to check in tests that whatever a grammar lets through is
 * valid. Understands what `GrammarBuilder` writes. Alternatives and repetitions are drawn evenly, so corners are
 * met that a model would rarely write.
 */
export class GrammarSampler {
  readonly #rules: ReadonlyMap<string, Expression>;
  readonly #random: () => number;

  /** `random` draws from [0, 1). */
  constructor(grammar: string, random: () => number) {
    const lines = grammar.split("\n").filter((line) => line !== "");
    this.#rules = new Map(
      lines.map((line) => {
        const [name, body] = line.split(/ ::= (.*)/s) as [string, string];
        return [name, new ExpressionParser(body).parse()];
      }),
    );
    this.#random = random;
  }

  /** A text that the grammar matches. */
  draw(): string {
    for (;;) {
      const text = this.#draw({ kind: "rule", name: "root" }, 0);
      if (text !== undefined) return text;
    }
  }

  /** Undefined when the text became too deep to be finished. */
  #draw(expression: Expression, depth: number): string | undefined {
    if (depth > 60) return undefined;
    switch (expression.kind) {
      case "text":
        return expression.text;
      case "class":
        return this.#character(expression);
      case "rule":
        return this.#draw(this.#rules.get(expression.name)!, depth + 1);
      case "choice":
        return this.#draw(expression.options[this.#below(expression.options.length)]!, depth);
      case "sequence":
        return this.#join(expression.items, depth);
      case "repeat": {
        const most = expression.max ?? expression.min + 8;
        const times =
          this.#random() < 0.1 ? most : expression.min + this.#below(Math.min(most - expression.min, 4) + 1);
        return this.#join(Array<Expression>(times).fill(expression.item), depth);
      }
    }
  }

  #join(items: readonly Expression[], depth: number): string | undefined {
    let text = "";
    for (const item of items) {
      const part = this.#draw(item, depth);
      if (part === undefined) return undefined;
      text += part;
    }
    return text;
  }

  #character({ ranges, negated }: Extract<Expression, { kind: "class" }>): string {
    if (!negated) {
      const [from, to] = ranges[this.#below(ranges.length)]!;
      return String.fromCodePoint(from + this.#below(to - from + 1));
    }
    for (;;) {
      const codePoint = this.#below(this.#random() < 0.8 ? 0x100 : 0x11_0000);
      if (!ranges.some(([from, to]) => from <= codePoint && codePoint <= to))
        return String.fromCodePoint(codePoint);
    }
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

type Expression =
  | { kind: "text"; text: string }
  | { kind: "class"; ranges: [number, number][]; negated: boolean }
  | { kind: "rule"; name: string }
  | { kind: "choice"; options: Expression[] }
  | { kind: "sequence"; items: Expression[] }
  | { kind: "repeat"; item: Expression; min: number; max: number | undefined };

class ExpressionParser {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): Expression {
    const expression = this.#choice();
    if (this.#at < this.#source.length)
      throw new SyntaxError(`not understood: ${this.#source.slice(this.#at)}`);
    return expression;
  }

  #choice(): Expression {
    const options = [this.#sequence()];
    while (this.#match(/ *\| */y) !== undefined) options.push(this.#sequence());
    return options.length === 1 ? options[0]! : { kind: "choice", options };
  }

  #sequence(): Expression {
    const items: Expression[] = [];
    for (;;) {
      this.#match(/ +(?!\|)/y);
      const item = this.#item();
      if (item === undefined) return { kind: "sequence", items };
      items.push(this.#repeated(item));
    }
  }

  #item(): Expression | undefined {
    const text = this.#match(/"((?:[^"\\]|\\.)*)"/y);
    if (text !== undefined) return { kind: "text", text: String.fromCodePoint(...codePoints(text[1]!)) };
    const set = this.#match(/\[(\^?)((?:[^\]\\]|\\.)*)\]/y);
    if (set !== undefined) return { kind: "class", negated: set[1] === "^", ranges: toRanges(set[2]!) };
    const name = this.#match(/[a-z][a-z0-9]*/y);
    if (name !== undefined) return { kind: "rule", name: name[0] };
    if (this.#match(/\( */y) === undefined) return undefined;
    const inner = this.#choice();
    if (this.#match(/ *\)/y) === undefined) throw new SyntaxError("missing )");
    return inner;
  }

  #repeated(item: Expression): Expression {
    const sign = this.#match(/[?*+]/y)?.[0];
    if (sign === "?") return { kind: "repeat", item, min: 0, max: 1 };
    if (sign !== undefined) return { kind: "repeat", item, min: sign === "+" ? 1 : 0, max: undefined };
    const bounds = this.#match(/\{(\d+)(,?)(\d*)\}/y);
    if (bounds === undefined) return item;
    const min = Number(bounds[1]);
    const max = bounds[2] === "" ? min : bounds[3] === "" ? undefined : Number(bounds[3]);
    return { kind: "repeat", item, min, max };
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#source) ?? undefined;
    if (match !== undefined) this.#at = pattern.lastIndex;
    return match;
  }
}

/** The members of a class; a `-` that stands for a range is left as undefined between its ends. */
function toRanges(members: string): [number, number][] {
  const ranges: [number, number][] = [];
  const points = codePoints(members);
  const bare = [...members.matchAll(escapeOrCharacter)].map((match) => match[0]);
  for (let index = 0; index < points.length; index++) {
    const isRange = bare[index + 1] === "-" && index + 2 < points.length;
    ranges.push([points[index]!, isRange ? points[index + 2]! : points[index]!]);
    if (isRange) index += 2;
  }
  return ranges;
}

const escapeOrCharacter = /\\x..|\\u.{4}|\\U.{8}|\\.|./gsu;

function codePoints(escapedText: string): number[] {
  return [...escapedText.matchAll(escapeOrCharacter)].map(([unit]) => {
    if (!unit.startsWith("\\")) return unit.codePointAt(0)!;
    if (/^\\[xuU]/.test(unit)) return Number.parseInt(unit.slice(2), 16);
    const named: Readonly<Record<string, number>> = { n: 0x0a, r: 0x0d, t: 0x09 };
    return named[unit[1]!] ?? unit.codePointAt(1)!;
  });
}

/** A repeatable source of randomness in [0, 1) (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
