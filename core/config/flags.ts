import type { Fault } from "./faults.ts";
import { suggest } from "./suggest.ts";

/** How a flag is written. */
export interface FlagForm {
  /** True: `--json` alone means true; a value only follows after `=`. */
  readonly isSwitch: boolean;
}

/** What a command line says. */
export interface Flags {
  /** The texts given for each flag, by its name without dashes, in order. */
  readonly given: ReadonlyMap<string, readonly string[]>;
  /** What is not a flag, in order. */
  readonly words: readonly string[];
  readonly faults: readonly Fault[];
}

/**
 * Reads `--name VALUE`, `--name=VALUE`, `--switch` and words; after `--` everything is a word. A flag that is
 * not known is a fault, and so is a value that is missing: `--listen --router x` does not listen on `--router`.
 */
export function parseFlags(args: readonly string[], forms: ReadonlyMap<string, FlagForm>): Flags {
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
      // Its value, most likely: not worth a fault of its own.
      if (inline === undefined) takeValue(rest);
      continue;
    }
    const value = inline ?? (form.isSwitch ? "true" : takeValue(rest));
    if (value === undefined) faults.push({ where: flag, message: "needs a value" });
    else given.set(name, [...(given.get(name) ?? []), value]);
  }
  return { given, words, faults };
}

/** The next argument, when it is a value: flags begin with two dashes, so that `-5` can be one. */
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
