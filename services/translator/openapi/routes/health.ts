import { json, objectOf, type RouteDescription, text } from "../route-description.ts";

/** `GET /healthz`. */
export const healthz: RouteDescription = {
  method: "get",
  path: "/healthz",
  mount: "root",
  operation: {
    operationId: "checkHealth",
    summary: "Says that the process answers.",
    responses: {
      200: {
        description: "It does.",
        content: json(objectOf({ status: { const: "ok" }, service: { const: "cxmpute" } })),
      },
    },
  },
  faults: [],
};

/** `GET /readyz`. */
export const readyz: RouteDescription = {
  method: "get",
  path: "/readyz",
  mount: "root",
  operation: {
    operationId: "checkReadiness",
    summary: "Says whether some model can be served.",
    responses: {
      200: { description: "One can.", content: json(objectOf({ status: { const: "ready" } })) },
      503: {
        description: "None can.",
        content: json(objectOf({ status: { const: "not ready" }, reason: text })),
      },
    },
  },
  faults: [],
};
