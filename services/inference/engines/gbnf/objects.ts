import { anyOf, jsonLiteral, literal } from "./grammar-builder.ts";
import { openLimit, tooManyOpen } from "./grammar-walk.ts";
import { type Compilation, list, map, SchemaError, type SchemaObject } from "./schema.ts";

/** An expression for objects: properties in the schema's order, then additional ones if it mentions them. */
export function objectExpression(compilation: Compilation, schema: SchemaObject, path: string): string {
  compilation.unenforced(schema, path, unenforcedKeywords);
  const { grammar } = compilation;
  const properties = map(schema, "properties", path);
  const additional = schema.additionalProperties;
  const required = new Set(list(schema, "required", path));
  if (properties === undefined && required.size === 0 && (additional === undefined || additional === true))
    return grammar.json("object");
  const ws = grammar.json("ws");
  const members = Object.entries(properties ?? {}).map(([name, value]) => ({
    text: `${jsonLiteral(name)} ${ws} ":" ${ws} ${grammar.rule(compilation.compile(value, `${path}/properties/${pointer(name)}`))}`,
    required: required.delete(name),
  }));
  const tail = additionalMember(compilation, schema, path);
  for (const name of required) {
    if (tail === undefined) throw new SchemaError(path, "requires a property that it does not allow");
    const any = grammar.rule(compilation.compile(additional ?? true, `${path}/additionalProperties`));
    members.push({ text: `${jsonLiteral(name)} ${ws} ":" ${ws} ${any}`, required: true });
  }
  return `"{" ${ws} ${memberChain(compilation, members, tail)} ${ws} "}"`;
}

/**
 * Members with commas between them. Each rule is for one member or more from some property on, so size stays
 * linear, and what all of them share, such as the comma, is read once.
 */
function memberChain(
  { grammar }: Compilation,
  members: readonly { text: string; required: boolean }[],
  tail: string | undefined,
): string {
  if (members.filter(({ required }) => !required).length > openLimit) throw tooManyOpen();
  const comma = `"," ${grammar.json("ws")}`;
  let some = tail === undefined ? "" : `${tail} ${grammar.repeat(grammar.rule(`${comma} ${tail}`), 0)}`;
  let needed = false;
  for (const { text, required } of members.toReversed()) {
    const others = some === "" ? "" : grammar.rule(some);
    const rest = others === "" ? "" : needed ? `${comma} ${others}` : `(${comma} ${others})?`;
    const from = `${text} ${rest}`.trim();
    some = required || others === "" ? from : `(${from} | ${others})`;
    needed ||= required;
  }
  return needed || some === "" ? some : `(${some})?`;
}

/** One additional property with a name of its own; undefined when none is allowed. */
function additionalMember(compilation: Compilation, schema: SchemaObject, path: string): string | undefined {
  const { grammar } = compilation;
  const additional = schema.additionalProperties;
  const described = Object.keys(map(schema, "properties", path) ?? {});
  const required = (list(schema, "required", path) ?? []).map(String);
  if (additional === false || (additional === undefined && described.length > 0)) return undefined;
  const value = grammar.rule(compilation.compile(additional ?? true, `${path}/additionalProperties`));
  const names = new Set([...described, ...required]);
  const name = names.size === 0 ? grammar.json("string") : otherName(compilation, [...names]);
  const ws = grammar.json("ws");
  return grammar.rule(`${name} ${ws} ":" ${ws} ${value}`);
}

/** A name that differs from all of these: it leaves their trie at some of the first 64 characters. */
function otherName({ grammar }: Compilation, names: readonly string[]): string {
  const more = grammar.repeat(grammar.rule("[A-Za-z0-9_ -]"), 0, 63);
  const tree = (words: readonly string[], depth = 0): string => {
    const heads = Map.groupBy(
      words.filter((word) => word !== ""),
      (word) => word[0]!,
    );
    const taken = [...heads.keys()].filter((head) => nameCharacters.includes(head));
    const free = [...nameCharacters].filter((character) => !taken.includes(character)).join("");
    const options = free === "" ? [] : [`[${free}] ${more}`];
    if (depth < 63)
      for (const head of taken)
        options.push(
          `${literal(head)} ${tree(
            heads.get(head)!.map((word) => word.slice(1)),
            depth + 1,
          )}`,
        );
    if (!words.includes("")) options.push('""');
    return anyOf(options);
  };
  // At least one character: the empty name is free, but strange.
  return `"\\"" ${tree([...names, ""])} "\\""`;
}

const nameCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

const pointer = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");

const unenforcedKeywords = [
  "patternProperties",
  "propertyNames",
  "minProperties",
  "maxProperties",
  "dependencies",
  "dependentRequired",
  "dependentSchemas",
  "unevaluatedProperties",
];
