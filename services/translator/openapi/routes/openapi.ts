import { json, type RouteDescription } from "../route-description.ts";

/** `GET /openapi.json`. */
export const openapi: RouteDescription = {
  method: "get",
  path: "/openapi.json",
  mount: "both",
  operation: {
    operationId: "describe",
    summary: "This description.",
    responses: { 200: { description: "OpenAPI 3.1.", content: json({ type: "object" }) } },
  },
  faults: [],
};
