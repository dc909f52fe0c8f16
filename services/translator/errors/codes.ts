/**
 * Every `error.code` that this service sends besides null. Clients match on them: codes may be added, but never
 * changed.
 */
export const errorCodes = [
  // The HTTP surface.
  "invalid_api_key",
  "method_not_supported",
  "request_timeout",
  "request_too_large",
  "unsupported_content_type",
  "unsupported_content_encoding",
  // The request's parameters.
  "missing_required_parameter",
  "invalid_type",
  "invalid_value",
  "integer_below_min_value",
  "integer_above_max_value",
  "decimal_below_min_value",
  "decimal_above_max_value",
  "empty_array",
  "array_above_max_length",
  "empty_string",
  "string_above_max_length",
  "object_above_max_properties",
  "unknown_parameter",
  "unsupported_parameter",
  "unsupported_value",
  "invalid_function_parameters",
  "invalid_image_url",
  "invalid_image_format",
  "previous_response_not_found",
  // The mesh.
  "model_not_found",
  "context_length_exceeded",
  "rate_limit_exceeded",
  "insufficient_quota",
  "overloaded",
  "timeout",
  "loop_detected",
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** Whether clients may see a code; others stay inside the mesh. */
export const isErrorCode = (code: string): code is ErrorCode => known.has(code);

const known: ReadonlySet<string> = new Set(errorCodes);
