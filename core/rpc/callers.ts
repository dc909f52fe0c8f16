import type { ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import {
  type ServerInterceptingCall,
  type ServerInterceptor,
  type StatusObject,
  status,
} from "@grpc/grpc-js";
import { MeshError } from "../errors/mesh-error.ts";
import { ConnectionLimit, peerNameOf } from "../http/connection-limit.ts";
import type { Role } from "../identity/identity.ts";
import { demandRole, type Peer } from "../identity/peer.ts";
import { toServiceError } from "./grpc-codec.ts";
import {
  anonymousMessageBytes,
  callLimits,
  connectionLimits,
  connectionsPerNode,
  smallMessageBytes,
  strangerLimits,
} from "./limits.ts";
import type { SecuredCall } from "./peer.ts";

/** What a method demands of its calls before it reads a message. */
export interface MethodRule {
  readonly name: string;
  readonly roles: readonly Role[] | "anybody";
  readonly requestLimitBytes: number;
}

/** One connection and who is at its other end. */
interface Connection {
  readonly name: string;
  readonly socket: Socket;
  readonly acceptedAt: number;
  lastCallAt: number;
  calls: number;
  peer: Peer | undefined;
}

/** How often strangers' connections are looked at, in milliseconds. */
const lookMs = 500;

/**
 * The connections of a gRPC server: who is at the other end of each, and how much that one may do. A connection is a
 * stranger's until it has made a call that it is permitted to make with an identity.
 */
export class Callers {
  readonly #peerOf: (call: SecuredCall) => Peer;
  readonly #rules: ReadonlyMap<string, MethodRule>;
  readonly #limit = new ConnectionLimit(connectionLimits);
  readonly #connections = new Map<string, Connection>();
  /** Of each node, the oldest first. */
  readonly #ofNode = new Map<string, Set<Socket>>();
  readonly #timer: NodeJS.Timeout;

  /** `rules` by the method's path, such as `/package.Service/Method`. */
  constructor(peerOf: (call: SecuredCall) => Peer, rules: ReadonlyMap<string, MethodRule>) {
    this.#peerOf = peerOf;
    this.#rules = rules;
    this.#timer = setInterval(() => this.#closeStrangers(), lookMs).unref();
  }

  /** Takes a new connection; false when there is no room for it. */
  admit(socket: Socket): boolean {
    if (!this.#limit.admit(socket)) return false;
    const now = performance.now();
    const name = peerNameOf(socket);
    const connection = { name, socket, acceptedAt: now, lastCallAt: now, calls: 0, peer: undefined };
    this.#connections.set(name, connection);
    socket.once("close", () => {
      if (this.#connections.get(name) === connection) this.#connections.delete(name);
    });
    return true;
  }

  /** The caller of a call; read once for each connection. */
  peerOf(call: SecuredCall & { getPeer(): string }): Peer {
    const connection = this.#connections.get(call.getPeer());
    if (connection === undefined) return this.#peerOf(call);
    connection.peer ??= this.#peerOf(call);
    return connection.peer;
  }

  /** Judges each call by its headers: no message of a call that is refused is read. */
  readonly guard: ServerInterceptor = ({ path }, call) => {
    const internals = internalsOf(call);
    const connection = this.#connections.get(call.getPeer());
    const peer = this.peerOf(call);
    const rule = this.#rules.get(path) ?? {
      name: path,
      roles: "anybody",
      requestLimitBytes: smallMessageBytes,
    };
    limitRequests(
      internals,
      peer.kind === "anonymous"
        ? Math.min(anonymousMessageBytes, rule.requestLimitBytes)
        : rule.requestLimitBytes,
    );
    const refusal = connection === undefined ? undefined : this.#refusalOf(connection, peer, rule);
    if (connection !== undefined) this.#open(connection, peer, internals.stream, refusal === undefined);
    // A call that was refused, here or for a message that is too large, ends on both sides: the rest is not read.
    internals.stream.once("finish", () => {
      if (!internals.metadataSent) internals.stream.close();
    });
    if (refusal !== undefined) call.sendStatus(toStatus(refusal));
    // Unwrapped, because a wrapper would be called for each message of every relay.
    return call as ServerInterceptingCall;
  };

  close(): void {
    clearInterval(this.#timer);
    this.#limit.destroy();
  }

  #refusalOf({ calls }: Connection, peer: Peer, { name, roles }: MethodRule): MeshError | undefined {
    const most = mostCalls(peer);
    if (calls >= most)
      return new MeshError("rate_limited", `This connection has ${most} open calls, which is the limit.`);
    try {
      if (roles !== "anybody") demandRole(peer, roles, name);
      return undefined;
    } catch (error) {
      return error as MeshError;
    }
  }

  #open(connection: Connection, peer: Peer, stream: ServerHttp2Stream, isPermitted: boolean): void {
    connection.calls++;
    connection.lastCallAt = performance.now();
    stream.once("close", () => {
      connection.calls--;
      connection.lastCallAt = performance.now();
    });
    if (!isPermitted || peer.kind === "anonymous") return;
    const { name, socket } = connection;
    this.#limit.hold(name);
    if (peer.kind === "identified" && peer.identity.role === "node")
      this.#limitNode(peer.identity.id, socket);
  }

  #limitNode(id: string, socket: Socket): void {
    const sockets = this.#ofNode.get(id) ?? new Set();
    if (sockets.has(socket)) return;
    this.#ofNode.set(id, sockets.add(socket));
    socket.once("close", () => {
      sockets.delete(socket);
      if (sockets.size === 0) this.#ofNode.delete(id);
    });
    const [oldest] = sockets;
    if (sockets.size > connectionsPerNode) oldest?.destroy();
  }

  #closeStrangers(): void {
    const now = performance.now();
    for (const name of this.#limit.loose) {
      const connection = this.#connections.get(name)!;
      const { socket } = connection;
      const isIdle = connection.calls === 0 && now - connection.lastCallAt > strangerLimits.idleMs;
      const isOld = now - connection.acceptedAt > strangerLimits.ageMs;
      if (isIdle || isOld || socket.bytesRead > strangerLimits.bytes) socket.destroy();
    }
  }
}

function mostCalls(peer: Peer): number {
  if (peer.kind === "anonymous") return callLimits.anonymous;
  return peer.kind === "identified" && peer.identity.role === "node"
    ? callLimits.node
    : Number.POSITIVE_INFINITY;
}

function toStatus(refusal: MeshError): StatusObject {
  const { code = status.UNKNOWN, details = "", metadata } = toServiceError(refusal);
  return { code, details, metadata: metadata ?? null } as StatusObject;
}

/** What grpc-js keeps private of a call: it has one limit for all methods of a server, and reads it before the headers. */
interface Internals {
  readonly stream: ServerHttp2Stream;
  /** Whether something was answered before the status. */
  readonly metadataSent: boolean;
  readonly decoder: { maxReadMessageLength: number };
  /** The limit of a message once decompressed. */
  maxReceiveMessageSize: number;
}

function internalsOf(call: unknown): Internals {
  const internals = call as Internals;
  if (
    typeof internals.decoder?.maxReadMessageLength === "number" &&
    typeof internals.maxReceiveMessageSize === "number" &&
    typeof internals.metadataSent === "boolean" &&
    typeof internals.stream?.close === "function"
  )
    return internals;
  throw new Error("This version of grpc-js keeps its limits elsewhere: core/rpc/callers.ts has to follow.");
}

function limitRequests(internals: Internals, bytes: number): void {
  internals.decoder.maxReadMessageLength = bytes;
  internals.maxReceiveMessageSize = bytes;
}
