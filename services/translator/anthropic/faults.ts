import { MeshError } from "../../../core/errors/mesh-error.ts";
import { list, quote } from "../errors/param-faults.ts";
import { type Dialect, maxShownKeyLength } from "../requests/describe-issue.ts";

/** What is wrong with a parameter, in Anthropic's form: its path with dots, a colon, a sentence. */
export const fault = (path: string, message: string): MeshError =>
  new MeshError("invalid_request", `${path}: ${message}`, { param: path });

/** What a schema found, in Anthropic's words. */
export const anthropic: Dialect = {
  // `messages.0.content`
  toPath: (path) => path.map((key) => String(key).slice(0, maxShownKeyLength)).join("."),
  missing: (at) => fault(at, "Field required"),
  unknownKey: (at) => fault(at, "Extra inputs are not permitted"),
  wrongType: (at, expected) => fault(at, `Input should be ${expected.replace(/^an? /, "a valid ")}`),
  notOneOf(at, value, words, isTag) {
    const expected = list(words.map(quote), "or");
    return isTag && typeof value === "string"
      ? fault(at, `Input tag '${value.slice(0, 100)}' is not supported here. Expected ${expected}`)
      : fault(at, `Input should be ${expected}`);
  },
  tooSmall(at, { origin, minimum }) {
    if (origin === "array") return fault(at, `List should have at least ${count(minimum, "item")}`);
    if (origin === "string") return fault(at, `String should have at least ${count(minimum, "character")}`);
    return fault(at, `Input should be greater than or equal to ${minimum}`);
  },
  tooBig(at, { origin, maximum }) {
    if (origin === "array") return fault(at, `List should have at most ${count(maximum, "item")}`);
    if (origin === "string") return fault(at, `String should have at most ${count(maximum, "character")}`);
    return fault(at, `Input should be less than or equal to ${maximum}`);
  },
};

const count = (number: number | bigint, noun: string): string =>
  `${number} ${noun}${Number(number) === 1 ? "" : "s"}`;
