import { z } from "zod";
import { errorSchema, headers, toFaultResponses } from "./faults.ts";
import { type JsonSchema, type RouteDescription, uriOf } from "./route-description.ts";
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
      headers,
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
    "x-request-id": { $ref: "#/components/headers/xRequestId" },
    "openai-processing-ms": { $ref: "#/components/headers/processingMs" },
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
