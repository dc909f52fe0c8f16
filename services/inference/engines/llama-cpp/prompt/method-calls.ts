import type { Template } from "@huggingface/jinja";

/**
 * Makes `value.items()` and the like in a parsed template call the method, as in Python, even if the value has such a
 * key: otherwise a function with a parameter called `items` would break every template that lists parameters. Filters
 * ignore keys, so each call becomes one. Modifies the tree.
 */
export function callMethodsFirst(program: Template["parsed"]): void {
  const left: unknown[] = [program];
  for (let value = left.pop(); value !== undefined; value = left.pop()) {
    if (typeof value !== "object" || value === null) continue;
    if (isMethodCall(value)) becomeFilter(value);
    left.push(...Object.values(value));
  }
}

/** Methods of Python's dictionaries that this engine supports. */
const methods: ReadonlySet<string> = new Set(["get", "items", "keys", "values"]);

/** `object.property(…args)`, as the parser has it. */
interface MethodCall {
  type: string;
  callee?: { type: string; computed: boolean; object: unknown; property: { type: string; value: string } };
  args?: unknown[];
}

function isMethodCall(value: object): value is Required<MethodCall> {
  const { type, callee } = value as MethodCall;
  return (
    type === "CallExpression" &&
    callee?.type === "MemberExpression" &&
    !callee.computed &&
    methods.has(callee.property.value)
  );
}

function becomeFilter(call: Required<MethodCall>): void {
  const { callee, args } = call;
  delete (call as MethodCall).callee;
  delete (call as MethodCall).args;
  Object.assign(call, {
    type: "FilterExpression",
    operand: callee.object,
    filter: { type: "CallExpression", callee: callee.property, args },
  });
}
