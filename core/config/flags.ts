import type { Fault } from "./faults.ts";
import { suggest } from "./suggest.ts";

/** The contents of a command line. */
export interface Flags {
  /** The values of each flag, in order, by its name without dashes. */
  readonly given: ReadonlyMap<string, readonly string[]>;
  readonly words: readonly string[];
  readonly faults: readonly Fault[];
}

/**
 * Parses `--name VALUE`, `--name=VALUE` and words; after `--` everything is a word. A switch alone means true; its value
 * needs `=`. Unknown flags and missing values are faults: `--listen --router x` does not listen on `--router`.
 */
export function parseFlags(
  args: readonly string[],
  forms: ReadonlyMap<string, { readonly isSwitch: boolean }>,
): Flags {
  const given = new Map<string, string[]>();
  const words: string[] = [];
  const faults: Fault[] = [];
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--") {
      words.push(...rest);
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      words.push(arg);
      continue;
    }
    const [flag = "", inline] = splitOnce(arg);
    const name = flag.replace(/^--/, "");
    const form = flag.startsWith("--") ? forms.get(name) : undefined;
    if (form === undefined) {
      faults.push({ where: flag, message: `unknown flag${suggestFlag(flag, forms.keys())}` });
      // Most likely its value, which needs no fault of its own.
      if (inline === undefined) takeValue(rest);
      continue;
    }
    const value = inline ?? (form.isSwitch ? "true" : takeValue(rest));
    if (value === undefined) faults.push({ where: flag, message: "needs a value" });
    else given.set(name, [...(given.get(name) ?? []), value]);
  }
  return { given, words, faults };
}

/** The next argument, unless it is a flag: those start with two dashes, so `-5` can be a value. */
function takeValue(rest: string[]): string | undefined {
  return rest[0]?.startsWith("--") === true ? undefined : rest.shift();
}

function splitOnce(arg: string): [string, string | undefined] {
  const position = arg.indexOf("=");
  return position < 0 ? [arg, undefined] : [arg.slice(0, position), arg.slice(position + 1)];
}

function suggestFlag(flag: string, names: Iterable<string>): string {
  const flags = [...names].map((name) => `--${name}`);
  return suggest(flag, flags) || "; --help lists the flags";
}
