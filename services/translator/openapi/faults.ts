import { kinds } from "../../../core/errors/kinds.ts";
import { errorCodes } from "../errors/codes.ts";
import { httpFaults } from "../errors/http-error.ts";
import {
  type JsonSchema,
  json,
  objectOf,
  orNull,
  type RouteDescription,
  ref,
  text,
} from "./route-description.ts";

/** OpenAI's envelope. */
export const errorSchema: JsonSchema = objectOf({
  error: objectOf({
    message: { ...text, description: "What was wrong, where, and what to do." },
    type: {
      enum: [...new Set(Object.values(kinds).map(({ type }) => type))],
      description: "The class of the fault.",
    },
    param: { ...orNull(text), description: "The parameter at fault, such as `messages[0].role`." },
    code: { ...orNull({ enum: errorCodes }), description: "What to match on." },
  }),
});

/** Statuses that each cause can have. */
const statuses = {
  any: [500],
  key: [401],
  body: [400, 413, 415],
  parameters: [400],
  model: [404],
  generation: [429, 502, 503, 504, 508],
  mesh: [503],
} as const;

/** What is found before the route is, and so has OpenAI's envelope everywhere. */
const early = [408, 414, 431];

/** What the statuses mean, with the codes of `errors/` that have them. */
const meanings: Readonly<Record<number, string>> = {
  400: "The request is wrong.",
  401: "The key is missing or wrong, or belongs to another user than `X-User-Id` says.",
  404: "There is no such thing, or nothing at this address.",
  408: "The request did not arrive in time.",
  413: "The body is too large.",
  414: "The address is too long.",
  415: "The body is not JSON, or is compressed.",
  429: "This caller has too much under way. Wait for `retry-after-ms`.",
  431: "The headers are too large.",
  500: "A fault of the service.",
  502: "The node that answered was lost or failed, and so did others.",
  503: "The mesh is full, or no node serves the model now. Wait for `retry-after-ms`.",
  504: "There was no answer in time.",
  508: "Meshes serve each other's models in a ring, and nobody in it has this one itself.",
};

const codesOf = (status: number): string => {
  const rows = [...Object.values(kinds), ...Object.values(httpFaults)].filter(({ http }) => http === status);
  const codes = [...new Set(rows.flatMap(({ code }) => (code === null ? [] : [`\`${code}\``])))];
  return codes.length === 0 ? "" : ` Codes: ${codes.join(", ")}.`;
};

const waits = new Set([429, 503]);

/** The responses of a route to faults, by status. */
export function toFaultResponses({ faults, faultForm }: RouteDescription): Record<string, object> {
  const own = new Set<number>([...statuses.any, ...faults.flatMap((fault) => statuses[fault])]);
  const responses = [...own].map((status) => [
    faultForm?.statuses[status] ?? status,
    toResponse(status, faultForm === undefined ? codesOf(status) : "", faultForm?.schema ?? "Error"),
  ]);
  return Object.fromEntries([
    ...responses,
    ...early.map((status) => [status, toResponse(status, codesOf(status), "Error")]),
  ]);
}

const toResponse = (status: number, codes: string, schema: string): object => ({
  description: `${meanings[status]}${codes}`,
  headers: {
    "x-request-id": header("xRequestId"),
    ...(waits.has(status)
      ? { "retry-after": header("retryAfter"), "retry-after-ms": header("retryAfterMs") }
      : {}),
  },
  content: json(ref(schema)),
});

const header = (name: string): object => ({ $ref: `#/components/headers/${name}` });

/** Headers that responses refer to. */
export const headers = {
  xRequestId: {
    description:
      "The request's id, as the caller gave it in the same header or as it was made here; in every log.",
    schema: text,
  },
  processingMs: {
    description: "Milliseconds until the answer began.",
    schema: text,
  },
  retryAfter: { description: "Seconds to wait before another try.", schema: text },
  retryAfterMs: { description: "Milliseconds to wait before another try.", schema: text },
};
