/** The largest gRPC message, in bytes: a frame may start several generations, each as large as an HTTP body (20 MiB). */
export const maxMessageBytes = 256 * 1024 * 1024;

/**
 * HTTP/2 keepalive of every connection, which only frees what a vanished peer held: relays detect silence themselves.
 * With 500 ms for the answer, relays between healthy processes broke on saturated cores.
 */
export const keepalive = {
  "grpc.keepalive_time_ms": 2000,
  "grpc.keepalive_timeout_ms": 3000,
} as const;

/** For a node that dials out, whose dead connection only keepalive shows: within 3 s, so that it is back within 5 s. */
export const roamingKeepalive = {
  "grpc.keepalive_time_ms": 1000,
  "grpc.keepalive_timeout_ms": 2000,
} as const;
