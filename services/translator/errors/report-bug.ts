import { toMeshError } from "../../../core/errors/mesh-error.ts";
import type { Log } from "../../../core/telemetry/log.ts";

/** Logs an error whose details are hidden from the caller: one that was not thrown on purpose. */
export function reportBug(log: Log, thrown: unknown, requestId: string): void {
  const error = toMeshError(thrown);
  if (error.kind === "internal")
    log.error({ err: error.cause ?? error, request_id: requestId }, "request failed");
}
