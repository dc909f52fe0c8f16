import type { z } from "zod";

/** What a schema expects, as far as reading and faults need it. */
export type Shape =
  | { readonly kind: "text" | "number" | "boolean"; readonly expects: string }
  | { readonly kind: "list"; readonly element: Shape; readonly expects: string };

/** The shape of a setting's schema. Throws when text cannot be read as it. */
export function shapeOf(schema: z.ZodType): Shape {
  const inner = unwrap(schema);
  const described = schema.description ?? inner.description;
  switch (inner.def.type) {
    case "string":
      return { kind: "text", expects: described ?? "text" };
    case "enum":
      return { kind: "text", expects: described ?? `one of ${optionsOf(schema).join(", ")}` };
    case "boolean":
      return { kind: "boolean", expects: described ?? "true or false" };
    case "number":
      return { kind: "number", expects: described ?? describeNumber(inner as z.ZodNumber) };
    case "array": {
      const element = shapeOf((inner as z.ZodArray).element as z.ZodType);
      return { kind: "list", element, expects: described ?? element.expects };
    }
    case "union": {
      const [written] = (inner as z.ZodUnion<readonly z.ZodType[]>).options;
      return shapeOf(written!);
    }
    default:
      throw new TypeError(`A setting cannot be of type ${inner.def.type}.`);
  }
}

/** The values of an enum; none for other schemas. */
export function optionsOf(schema: z.ZodType): readonly string[] {
  const inner = unwrap(schema);
  return inner.def.type === "enum" ? (inner as z.ZodEnum).options.map(String) : [];
}

/** The schema below optional, default and transform. */
function unwrap(schema: z.ZodType): z.ZodType {
  const { innerType, in: input } = schema.def as { innerType?: z.ZodType; in?: z.ZodType };
  const next = innerType ?? input;
  return next === undefined ? schema : unwrap(next);
}

/** Such as `a whole number from 1 to 64` or `a number above 0`. */
function describeNumber(schema: z.ZodNumber): string {
  const noun = schema.isInt ? "a whole number" : "a number";
  const bounds = (schema.def.checks ?? []).map(
    (check) => check._zod.def as { check?: string; value?: number; inclusive?: boolean },
  );
  const from = bounds.find(({ check }) => check === "greater_than");
  const to = bounds.find(({ check }) => check === "less_than");
  if (from?.inclusive === true && to?.inclusive === true) return `${noun} from ${from.value} to ${to.value}`;
  const lower =
    from === undefined ? "" : from.inclusive ? ` of at least ${from.value}` : ` above ${from.value}`;
  const upper = to === undefined ? "" : to.inclusive ? ` of at most ${to.value}` : ` below ${to.value}`;
  return `${noun}${lower}${upper}`;
}
