import type { DescMethod } from "@bufbuild/protobuf";
import { InferenceService } from "../../gen/cxmpute/inference/v1/inference_pb.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";

/** The largest gRPC message, in bytes: a frame may start several generations, each as large as an HTTP body (20 MiB). */
export const maxMessageBytes = 256 * 1024 * 1024;

/** The largest request of a method that carries neither prompts nor answers, in bytes. */
export const smallMessageBytes = 1024 * 1024;

/** The largest message of a caller without an identity, whatever the method: joining takes less than 1 KiB. */
export const anonymousMessageBytes = 16 * 1024;

const { generate, relay, attach, explainRoute } = RouterService.method;
const withBodies = new Set<DescMethod>([
  ...[generate, relay, attach, explainRoute],
  ...[InferenceService.method.generate, InferenceService.method.relay],
]);

/** The largest request of a method, in bytes. */
export const requestLimitBytes = (method: DescMethod): number =>
  withBodies.has(method) ? maxMessageBytes : smallMessageBytes;

/** Streams of one HTTP/2 connection at a time. */
export const maxConcurrentStreams = 1000;

/** Open calls of one connection: of a caller without an identity, and of a node, which needs four. */
export const callLimits = { anonymous: 8, node: 16 } as const;

/** Connections of one server. Strangers, who have made no permitted call yet, are limited further. */
export const connectionLimits = {
  total: 10_000,
  loose: 512,
  /** Many nodes may come from behind one NAT at the same time. */
  loosePerAddress: 128,
} as const;

/** Connections of one node to one server: one is used, and former ones may not have noticed yet that they are dead. */
export const connectionsPerNode = 8;

/** What a stranger's connection may do before it is closed. */
export const strangerLimits = {
  /** Without an open call, in milliseconds; a TLS handshake counts. */
  idleMs: 10_000,
  ageMs: 60_000,
  bytes: 128 * 1024,
} as const;

/**
 * HTTP/2 keepalive, which cannot tell a busy process from a dead one: with 500 ms for the answer, relays between healthy
 * processes broke on saturated cores. Relays judge silence themselves (`core/relay/usual-silence.ts`), so for them it
 * only frees, within 20 s, what a vanished peer held.
 */
export const keepalive = {
  "grpc.keepalive_time_ms": 5000,
  "grpc.keepalive_timeout_ms": 15_000,
} as const;

/** For connections that lose nothing when they break and carry no relay: a dead one is replaced within 3 s. */
export const quickKeepalive = {
  "grpc.keepalive_time_ms": 1000,
  "grpc.keepalive_timeout_ms": 2000,
} as const;
