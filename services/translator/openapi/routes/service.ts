import { z } from "zod";
import { liveness, notReady, readiness } from "../../health.ts";
import { answerOf, type RouteDescription } from "../route-description.ts";

export const openapi: RouteDescription = {
  method: "get",
  path: "/openapi.json",
  mount: "both",
  operationId: "describe",
  summary: "Returns this document.",
  responses: { 200: answerOf("The OpenAPI 3.1 document.", "OpenApiDocument") },
  faults: [],
  schemas: { OpenApiDocument: z.record(z.string(), z.unknown()) },
};

export const healthz: RouteDescription = {
  method: "get",
  path: "/healthz",
  mount: "root",
  operationId: "checkHealth",
  summary: "Checks that the process is alive.",
  responses: { 200: answerOf("The process is alive.", "Liveness") },
  faults: [],
  schemas: { Liveness: liveness },
};

export const readyz: RouteDescription = {
  method: "get",
  path: "/readyz",
  mount: "root",
  operationId: "checkReadiness",
  summary: "Checks that at least one model can be served.",
  responses: {
    200: answerOf("At least one model can be served.", "Readiness"),
    503: answerOf("No model can be served.", "NotReady"),
  },
  faults: [],
  schemas: { Readiness: readiness, NotReady: notReady },
};
