import { z } from "zod";
import { answerOf, type RouteDescription } from "../route-description.ts";

/** `GET /openapi.json`. */
export const openapi: RouteDescription = {
  method: "get",
  path: "/openapi.json",
  mount: "both",
  operation: {
    operationId: "describe",
    summary: "Returns this document.",
    responses: { 200: answerOf("The OpenAPI 3.1 document.", "OpenApiDocument") },
  },
  faults: [],
  schemas: { OpenApiDocument: z.record(z.string(), z.unknown()) },
};
