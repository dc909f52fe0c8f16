/** The largest gRPC message, in bytes: a frame may start several generations, each as large as an HTTP body (20 MiB). */
export const maxMessageBytes = 256 * 1024 * 1024;

/**
 * HTTP/2 keepalive of every connection: the idle time before a ping, and the time for its answer. Keepalive only frees
 * what a vanished peer held; a relay detects a silent peer earlier by itself (`silenceMs`). With 500 ms for the answer,
 * relays between healthy processes broke on saturated cores.
 */
export const keepalive = {
  "grpc.keepalive_time_ms": 2000,
  "grpc.keepalive_timeout_ms": 3000,
} as const;

/**
 * The same for a node that dials out. While idle it receives nothing, so only keepalive shows that its connection is dead:
 * within 3 s, so that it is back within 5 s.
 */
export const roamingKeepalive = {
  "grpc.keepalive_time_ms": 1000,
  "grpc.keepalive_timeout_ms": 2000,
} as const;
