import { foreignText } from "../../../core/errors/foreign-text.ts";
import {
  isReported,
  MeshError,
  type MeshErrorOptions,
  toMeshError,
} from "../../../core/errors/mesh-error.ts";
import { loopCode } from "../../../core/hops.ts";

/** A node in what its callers read, who must not learn its name; logs have it in a field. */
export const theNode = "The node";
/** The most characters of a node's message. */
const messageLimit = 600;
const longestRetryAfterMs = 60_000;
/** Codes that a node may report; others speak of what only the mesh knows, such as keys and quotas. */
const codes: ReadonlySet<string> = new Set([
  "context_length_exceeded",
  "invalid_function_parameters",
  "invalid_image_format",
  "invalid_image_url",
  "invalid_type",
  "invalid_value",
  "unsupported_parameter",
  "unsupported_value",
  loopCode,
]);
const pathOfParam = /^[\w.[\]]{1,200}$/;

/** A node's failure as the mesh reports it, and whether the node has broken the contract with what it reported. */
export interface NodeFailure {
  readonly error: MeshError;
  readonly isBreach: boolean;
}

/**
 * Judges the failure of a node's answer. What this process has found is believed. Of what the node reports, only kinds
 * that a node can know are: it can blame the request or itself, and neither the caller's key nor the caller.
 * `mayBeLate`: the time that the caller allows is nearly over.
 */
export function toNodeFailure(thrown: unknown, mayBeLate: boolean): NodeFailure {
  const error = toMeshError(thrown);
  if (!isReported(error)) return { error, isBreach: false };
  switch (error.kind) {
    case "invalid_request":
    case "saturated":
    case "queue_expired":
    case "no_nodes":
    case "engine_failed":
    case "node_lost":
      return { error: cleaned(error), isBreach: false };
    case "model_not_found":
      return {
        error: new MeshError("no_nodes", `${theNode} no longer serves the model.`, { cause: error }),
        isBreach: false,
      };
    case "cancelled":
      return {
        error: new MeshError("node_lost", `${theNode} abandoned the answer.`, { cause: error }),
        isBreach: false,
      };
    case "internal":
      return {
        error: new MeshError("engine_failed", `${theNode} had a bug.`, { cause: error }),
        isBreach: false,
      };
    case "deadline":
      if (mayBeLate) return { error: cleaned(error), isBreach: false };
  }
  const message = `${theNode} reported \`${error.kind}\`, which is not for a node to report.`;
  return { error: new MeshError("engine_failed", message, { cause: error }), isBreach: true };
}

function cleaned({ kind, message, code, param, retryAfterMs, capabilities }: MeshError): MeshError {
  const options: MeshErrorOptions = { capabilities };
  if (code !== undefined && codes.has(code)) options.code = code;
  if (param !== undefined && pathOfParam.test(param)) options.param = param;
  if (retryAfterMs !== undefined) options.retryAfterMs = Math.min(retryAfterMs, longestRetryAfterMs);
  return new MeshError(kind, foreignText(message, messageLimit), options);
}
