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

/**
 * The same for a node that dials out. It hears nothing while nobody asks it for anything, so only this tells it that its
 * connection leads nowhere any more: within 3 s, so that it is back within 5 s. When it is held up for as long as that,
 * its router has given it up anyway.
 */
export const roamingKeepalive = {
  "grpc.keepalive_time_ms": 1000,
  "grpc.keepalive_timeout_ms": 2000,
} as const;
