import { Template } from "@huggingface/jinja";
import { describe, expect, test } from "vitest";
import { callMethodsFirst } from "./chat-template.ts";

const render = (source: string, variables: Record<string, unknown>): string => {
  const template = new Template(source);
  callMethodsFirst(template.parsed);
  return template.render(variables);
};

/** Lists parameters as templates do, in every way that they have. */
const listing = `{% for k, v in p.items() %}{{ k }}={{ v }} {% endfor %}{{ p.keys() | list | join(",") }} {{ p.values() | list | join(",") }} {{ p.get("a") }} {{ p.get("none", "else") }} {{ (p or {}).get("a") }}`;

describe("a template's methods are called", () => {
  test.each(["other", "items", "keys", "values", "get"])("on an object with the key %s", (key) => {
    expect(render(listing, { p: { a: 1, [key]: 2 } })).toBe(`a=1 ${key}=2 a,${key} 1,2 1 else 1`);
  });

  test("and keys of the same names are read all the same", () => {
    expect(render("{{ p.items }} {{ p['keys'] }}", { p: { items: 3, keys: 4 } })).toBe("3 4");
  });

  test("also inside of each other, and inside of blocks and macros", () => {
    const source = `{% macro m(p) %}{% if p.get("x", {}).get("items") %}{{ p.get("x").items() | list | length }}{% endif %}{% endmacro %}{{ m(p) }}`;
    expect(render(source, { p: { x: { items: 1, b: 2 } } })).toBe("2");
  });
});
