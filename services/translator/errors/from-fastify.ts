import type { FastifyError, FastifyRequest } from "fastify";
import { type MeshError, toMeshError } from "../../../core/errors/mesh-error.ts";
import { loopCode } from "../../../core/hops.ts";
import { pathOf } from "../http/request-context.ts";
import {
  badRequest,
  badUrl,
  bodyTooLarge,
  loopDetected,
  unknownUrl,
  urlTooLong,
  wrongContentType,
} from "./http-faults.ts";

/** Converts anything thrown, Fastify's own errors included, to the error to send. */
export function fromFastify(thrown: unknown, request: FastifyRequest, bodyLimitBytes: number): MeshError {
  switch ((thrown as FastifyError | undefined)?.code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return bodyTooLarge(bodyLimitBytes);
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
    case "FST_ERR_ROUTE_MISSING_CONTENT_TYPE":
      return wrongContentType(request.headers["content-type"]);
    case "FST_ERR_BAD_URL":
      return badUrl();
    case "FST_ERR_MAX_PARAM_LENGTH":
      return urlTooLong();
    case "FST_ERR_NOT_FOUND":
      return unknownUrl(request.method, pathOf(request));
    // The body does not have the announced length, or its connection broke.
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
    case "ECONNRESET":
      return badRequest();
    default: {
      const error = toMeshError(thrown);
      // Reported by another mesh behind a node.
      return error.code === loopCode ? loopDetected() : error;
    }
  }
}
