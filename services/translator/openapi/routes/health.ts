import { liveness, notReady, readiness } from "../../health.ts";
import { answerOf, type RouteDescription } from "../route-description.ts";

/** `GET /healthz`. */
export const healthz: RouteDescription = {
  method: "get",
  path: "/healthz",
  mount: "root",
  operation: {
    operationId: "checkHealth",
    summary: "Checks that the process is alive.",
    responses: { 200: answerOf("The process is alive.", "Liveness") },
  },
  faults: [],
  schemas: { Liveness: liveness },
};

/** `GET /readyz`. */
export const readyz: RouteDescription = {
  method: "get",
  path: "/readyz",
  mount: "root",
  operation: {
    operationId: "checkReadiness",
    summary: "Checks that at least one model can be served.",
    responses: {
      200: answerOf("At least one model can be served.", "Readiness"),
      503: answerOf("No model can be served.", "NotReady"),
    },
  },
  faults: [],
  schemas: { Readiness: readiness, NotReady: notReady },
};
