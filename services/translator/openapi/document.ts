import { z } from "zod";
import { kinds } from "../../../core/errors/kinds.ts";
import { errorCodes, waits } from "../errors/envelope.ts";
import { httpFaults } from "../errors/http-faults.ts";
import { type JsonSchema, json, type RouteDescription, uriOf } from "./route-description.ts";
import { routes } from "./routes.ts";

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: object;
  readonly servers: readonly object[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, object | undefined>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> } & Readonly<
    Record<string, object>
  >;
  readonly security: readonly object[];
}

const apiServers = [{ url: "/v1" }, { url: "/api/v1", description: "The same API under a longer path." }];
const rootServer = { url: "/" };

/** Describes all routes. */
export function toDocument(): OpenApiDocument {
  const paths: Record<string, Record<string, object | undefined>> = {};
  for (const [key, route] of Object.entries(routes)) {
    const [method = "", path = ""] = key.split(" ");
    paths[path] = { servers: serversOf(route), ...paths[path], [method]: toOperation(route) };
  }
  const schemas = Object.values(routes).map((route) => route.schemas);
  return {
    openapi: "3.1.0",
    info: {
      title: "cxmpute-mesh",
      version: "1",
      description:
        "One OpenAI-compatible endpoint in front of many machines. Unknown parameters are ignored unless the operator " +
        "rejects them; known parameters that are not supported are rejected by name. The gRPC and Connect API, " +
        "`cxmpute.router.v1.RouterService`, is described by its .proto files.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: apiServers,
    paths,
    components: {
      schemas: toJsonSchemas(Object.assign({ Error: errorSchema }, ...schemas)),
      headers: sharedHeaders,
      parameters: { userId },
      securitySchemes: { key: { type: "http", scheme: "bearer" } },
    },
    security: [{ key: [] }],
  };
}

/** Converts named schemas, the same that validate requests, to JSON schemas. */
function toJsonSchemas(schemas: Readonly<Record<string, z.ZodType>>): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id });
  // As input: clients must expect more properties than those described.
  const described = z.toJSONSchema(registry, { io: "input", unrepresentable: "any", uri: uriOf }).schemas;
  return Object.fromEntries(
    Object.entries(described).map(([name, { $schema, $id, ...schema }]) => [name, schema]),
  );
}

function serversOf({ mount }: RouteDescription): readonly object[] | undefined {
  if (mount === undefined) return undefined;
  return mount === "both" ? [rootServer, ...apiServers] : [rootServer];
}

function toOperation(route: RouteDescription): object {
  const { mount, faults, faultForm, schemas, ...operation } = route;
  const isKeyed = faults.includes("key");
  const userIds = isKeyed ? [{ $ref: "#/components/parameters/userId" }] : [];
  const parameters = [...(operation.parameters ?? []), ...userIds];
  const headers = {
    "x-request-id": header("xRequestId"),
    "openai-processing-ms": header("processingMs"),
  };
  const answers = Object.entries(operation.responses).map(([status, response]) => [
    status,
    { headers, ...response },
  ]);
  return {
    ...operation,
    parameters: parameters.length === 0 ? undefined : parameters,
    security: isKeyed ? undefined : [],
    // A route's own responses override the common ones.
    responses: { ...toFaultResponses(route), ...Object.fromEntries(answers) },
  };
}

const userId = {
  name: "X-User-Id",
  in: "header",
  required: false,
  description: "The user that the API key belongs to. Optional.",
  schema: { type: "string" },
};

const errorSchema = z.object({
  error: z.object({
    message: z.string().describe("What is wrong, where, and what to do."),
    type: z.enum(Object.values(kinds).map(({ type }) => type)).describe("The class of the error."),
    param: z.string().nullable().describe("The parameter at fault, such as `messages[0].role`."),
    code: z.enum(errorCodes).nullable().describe("A stable code for programs to match."),
  }),
});

/** The statuses that each cause can have. */
const statuses = {
  any: [500],
  key: [401, 403],
  body: [400, 413, 415],
  parameters: [400],
  model: [404],
  generation: [429, 502, 503, 504, 508],
  mesh: [503],
} as const;

/** Found before routing, so always in OpenAI's envelope. */
const early = [408, 414, 431];

const meanings: Readonly<Record<number, string>> = {
  400: "The request is invalid.",
  401: "The API key is missing or incorrect, or belongs to another user than `X-User-Id`.",
  403: "A web page of another site sent the request, and the service accepts requests without a key.",
  404: "The model or object does not exist, or there is nothing at this URL.",
  408: "The request did not arrive in time.",
  413: "The body is too large.",
  414: "The URL is too long.",
  415: "The body is not JSON, or is compressed.",
  429: "Too many requests of this caller are in progress. Retry after `retry-after-ms`.",
  431: "The headers are too large.",
  500: "Internal error of the service.",
  502: "The node that was answering was lost or failed, and so did the nodes that were tried after it.",
  503: "The mesh is at capacity, or no node serves the model at the moment. Retry after `retry-after-ms`.",
  504: "The answer did not arrive in time.",
  508: "Loop detected: meshes serve each other's models, and none of them has this one itself.",
};

const codesOf = (status: number): string => {
  const rows = [...Object.values(kinds), ...Object.values(httpFaults)].filter(({ http }) => http === status);
  const codes = [...new Set(rows.flatMap(({ code }) => (code === null ? [] : [`\`${code}\``])))];
  return codes.length === 0 ? "" : ` Codes: ${codes.join(", ")}.`;
};

/** A route's error responses, by status. */
function toFaultResponses({ faults, faultForm }: RouteDescription): Record<string, object> {
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
  content: json(schema),
});

const header = (name: string): object => ({ $ref: `#/components/headers/${name}` });

const sharedHeaders = {
  xRequestId: {
    description:
      "The ID of the request: the one sent in the same header, or a new one. It appears in every log.",
    schema: { type: "string" },
  },
  processingMs: {
    description: "Milliseconds from the arrival of the request to the start of the answer.",
    schema: { type: "string" },
  },
  retryAfter: { description: "Seconds to wait before a retry.", schema: { type: "string" } },
  retryAfterMs: { description: "Milliseconds to wait before a retry.", schema: { type: "string" } },
};
