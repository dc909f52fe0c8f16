/**
 * The largest gRPC message, in bytes. A frame may start several generations in one turn, each as large as the
 * largest HTTP body (20 MiB).
 */
export const maxMessageBytes = 256 * 1024 * 1024;
