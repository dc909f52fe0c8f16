/**
 * The largest gRPC message, in bytes. A frame may start several generations in one turn, each as large as the
 * largest HTTP body (20 MiB).
 */
export const maxMessageBytes = 256 * 1024 * 1024;

/**
 * HTTP/2 keepalive of every connection: a ping after so many idle milliseconds, and the time its answer may take.
 * A relay notices a silent peer by itself, sooner (`silenceMs`) and without being fooled when it is this process
 * that was held up: with an answer due in 500 ms, relays between healthy processes broke on saturated cores. What
 * is left for keepalive is to free what a vanished peer held.
 */
export const keepalive = {
  "grpc.keepalive_time_ms": 2000,
  "grpc.keepalive_timeout_ms": 3000,
} as const;
