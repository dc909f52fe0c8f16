import { readFileSync } from "node:fs";

/** A class of answer or of fault, and the names of the golden files that show it. */
export interface Coverage {
  readonly title: string;
  readonly patterns: readonly RegExp[];
}

const readme = new URL("../../golden/README.md", import.meta.url);

/**
 * The rows of the tables in test/golden/README.md whose second column names files: `folder/name`, where `*` stands
 * for anything and `{a,b}` for either.
 */
export const coverage = (): Coverage[] =>
  readFileSync(readme, "utf8")
    .split("\n")
    .map((line) => /^\| (.+?) \| (.*`.*) \|$/.exec(line))
    .filter((row) => row !== null)
    .map(([, title = "", files = ""]) => ({
      title,
      patterns: [...files.matchAll(/`([^`]+)`/g)].flatMap(([, name = ""]) => expand(name)).map(toPattern),
    }));

/** `a/{b,c}` as `a/b` and `a/c`: each must have files. */
function expand(name: string): string[] {
  const [whole, options] = /\{([^}]*)\}/.exec(name) ?? [];
  if (whole === undefined || options === undefined) return [name];
  return options.split(",").flatMap((option) => expand(name.replace(whole, option)));
}

const toPattern = (name: string): RegExp =>
  new RegExp(`^${name.replace(/[.*+?^$()|[\]\\]/g, (sign) => (sign === "*" ? ".*" : `\\${sign}`))}$`);
